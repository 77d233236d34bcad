# SPDX-License-Identifier: Apache-2.0
"""SSDC against reference outputs, in eval and train mode."""

from __future__ import annotations

import pytest
import torch
from helpers import parity
from torch import Tensor

from geo_perception.errors import InputError
from geo_perception.networks import build
from geo_perception.networks.ssdc import Ssdc
from training.losses.scadc import masked_mse

OF_PEAK = 2e-5
CASES = [(18, "d"), (18, "g"), (18, "rgb"), (18, "rgbd"), (34, "gd")]


def _case(layers: int, inputs: str) -> tuple[parity.Golden, Ssdc, Tensor | None, Tensor | None]:
    golden = parity.load(f"ssdc{layers}_{inputs}")
    network = parity.fill(build("ssdc", layers=layers, input=inputs), golden.meta)
    tensors = parity.inputs(golden.meta)
    return golden, network, tensors.get("d"), tensors.get("g", tensors.get("rgb"))


@pytest.mark.parametrize(("layers", "inputs"), CASES)
@torch.no_grad()
def test_outputs_match_reference(layers: int, inputs: str) -> None:
    golden, network, depth, image = _case(layers, inputs)
    network.eval()
    for prefix in ("", "plain_"):
        parity.fill(network, golden.meta, scaled=not prefix)
        raw = 100 * network.decode(network.encode(network.stem(depth, image)))
        assert parity.error_of_peak(raw, golden.arrays[f"{prefix}raw"]) <= OF_PEAK
        assert parity.error_of_peak(network(depth, image), golden.arrays[f"{prefix}pred"]) <= OF_PEAK


def test_training_gradients_match_reference() -> None:
    reference = parity.load_json("train")["ssdc18_rgbd"]
    _, network, depth, image = _case(18, "rgbd")
    target = torch.from_numpy(parity.image("ssdc_train:gt", (1, 1, 64, 128), -20, 60)).clamp(min=0)
    pred = network.train()(depth, image)
    loss = masked_mse(pred, target)
    loss.backward()
    assert loss.item() == pytest.approx(reference["loss"], rel=1e-4)
    assert pred.mean().item() == pytest.approx(reference["pred_mean"], rel=1e-3)
    for name, parameter in network.named_parameters():
        assert parameter.grad.norm().item() == pytest.approx(reference["grad_norms"][name], rel=1e-3), name


@torch.no_grad()
def test_only_eval_mode_has_a_floor() -> None:
    network = build("ssdc", layers=18, input="d")
    network.convtf[0].bias.fill_(-1.0)
    sparse = torch.zeros(1, 1, 32, 32)
    assert network.eval()(sparse).min() == pytest.approx(0.9)
    assert network.train()(sparse).max() < 0


@pytest.mark.parametrize(
    ("inputs", "depth", "image", "said"),
    [
        ("d", None, None, "sparse_depth_m = (B,1,H,W), got None"),
        ("d", (1, 1, 16, 16), (1, 3, 16, 16), "image = None"),
        ("gd", (1, 1, 16, 16), (1, 3, 16, 16), "image (B,1,H,W)"),
        ("gd", (1, 1, 16, 16), (1, 1, 32, 16), "one batch and size"),
        ("g", None, (1, 1, 20, 16), "divisible by 16"),
    ],
)
def test_wrong_inputs_are_refused(inputs: str, depth, image, said: str) -> None:
    tensors = [None if shape is None else torch.zeros(shape) for shape in (depth, image)]
    with pytest.raises(InputError) as error:
        build("ssdc", layers=18, input=inputs)(*tensors)
    assert said in str(error.value)
