# SPDX-License-Identifier: Apache-2.0
"""SCADC against reference outputs, in eval and train mode, and its switches."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from helpers import parity
from torch import Tensor

from geo_perception.errors import InputError
from geo_perception.geometry.guidance import guiding_confidence
from geo_perception.networks import ScadcOutput, build
from training.losses.scadc import scadc_losses

OF_PEAK = 2e-5
ORDER = ("in_disp", "in_depth", "sp_map", "mask")
DATA = os.environ.get("GEO_PERCEPTION_DATA", "")
RELEASED = Path(DATA) / "checkpoints" / "scadc_official" / "latest_net_SCADCNet.pth"


def _named(output: ScadcOutput) -> dict[str, Tensor]:
    return {f"logits_{i}": stage for i, stage in enumerate(output.stages, 1)} | {
        "conf_lidar": output.lidar_confidence
    }


def _maps(size: int = 32, batch: int = 1) -> tuple[Tensor, ...]:
    shape = (batch, 1, size, size)
    mask = torch.from_numpy(parity.sparse_mask("mask", shape)).expand(shape)
    stereo, lidar = (torch.from_numpy(parity.image(name, shape, 2, 80)) for name in ("stereo", "lidar"))
    return stereo, lidar, lidar * mask, mask


@pytest.mark.parametrize("prefix", ["", "plain_"])
@torch.no_grad()
def test_outputs_match_reference(prefix: str) -> None:
    golden = parity.load("scadc")
    network = parity.fill(build("scadc"), golden.meta, scaled=not prefix).eval()
    inputs = parity.inputs(golden.meta)
    for name, value in _named(network(*(inputs[key] for key in ORDER))).items():
        assert parity.error_of_peak(value, golden.arrays[prefix + name]) <= OF_PEAK, name


@pytest.mark.skipif(not RELEASED.is_file(), reason="needs GEO_PERCEPTION_DATA with the released weights")
@pytest.mark.parametrize("prefix", ["", "unscaled_"])
@torch.no_grad()
def test_released_weights_match_reference(prefix: str) -> None:
    arrays = parity.load("scadc_released").arrays
    network = build("scadc").eval()
    network.load_state_dict(torch.load(RELEASED, weights_only=True))
    maps = [arrays[f"input_{prefix}in_disp"], *(arrays[f"input_{key}"] for key in ORDER[1:])]
    for name, value in _named(network(*map(torch.from_numpy, maps))).items():
        assert parity.error_of_peak(value, arrays[prefix + name]) <= OF_PEAK, name


def test_three_training_steps_match_reference() -> None:
    """Exactly computed gradients lie up to 0.2 % beside the reference's, which float32 rounded."""
    golden, reference = parity.load("scadc"), parity.load_json("train")["scadc"]
    network = parity.fill(build("scadc"), reference).train().double()
    inputs = {name: value.double() for name, value in parity.inputs(golden.meta).items()}
    shape = tuple(inputs["mask"].shape)
    target = torch.from_numpy(parity.image("scadc_train:gt", shape, -20, 60)).clamp(min=0).double()
    guidance = guiding_confidence(inputs["mask"])
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-6, momentum=0.9, weight_decay=5e-4)
    for step in reference["steps"]:
        losses = scadc_losses(network(*(inputs[key] for key in ORDER)), target, guidance)
        optimiser.zero_grad()
        sum(losses.values()).backward()
        for ours, theirs in zip(losses, ("mse_1", "mse_2", "mse_3", "conf"), strict=True):
            assert losses[ours].item() == pytest.approx(step[theirs], rel=1e-4)
        norms = {name: parameter.grad.norm().item() for name, parameter in network.named_parameters()}
        for name, norm in step["grad_norms"].items():  # of every parameter in the first step only
            assert norms[name] == pytest.approx(norm, rel=5e-3), name
        assert sum(norm**2 for norm in norms.values()) ** 0.5 == pytest.approx(
            step["grad_norm_total"], rel=1e-3
        )
        optimiser.step()
    state = network.state_dict()
    for name, (mean, _) in reference["after"].items():
        assert state[name].mean().item() == pytest.approx(mean, rel=1e-3), name


@torch.no_grad()
def test_batch_equals_single_images() -> None:
    network = build("scadc").eval()
    maps = _maps(batch=2)
    both = network(*maps).depth_m
    for i in range(2):
        assert torch.allclose(network(*(m[i : i + 1] for m in maps)).depth_m, both[i : i + 1], atol=1e-5)


@torch.no_grad()
def test_stereo_scale_multiplies_the_stereo_input() -> None:
    plain, scaled = build("scadc").eval(), build("scadc", stereo_scale=0.5).eval()
    scaled.load_state_dict(plain.state_dict())
    stereo, *rest = _maps()
    assert torch.allclose(scaled(2 * stereo, *rest).depth_m, plain(stereo, *rest).depth_m)


@pytest.mark.parametrize(("activation", "alive"), [("relu", False), ("leaky_relu", True), ("none", True)])
def test_only_the_published_activation_can_lose_the_confidence(activation: str, alive: bool) -> None:
    network = build("scadc", confidence_activation=activation)
    with torch.no_grad():
        network.sa2[0].sparse_conv.bias.fill_(-1e4)  # every feature before the activation is negative
    features, _ = network.sa2(network.sa1(_maps()[2:]))
    features.mean().backward()
    assert bool(network.sa1[0].sparse_conv.conv.weight.grad.abs().sum() > 0) == alive


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: (m[0][..., :30], *m[1:]), "one shape"),
        (lambda m: tuple(x[..., :30] for x in m), "32x30"),
        (lambda m: tuple(x[0] for x in m), "(B,1,H,W)"),
    ],
)
def test_wrong_shapes_are_refused(change, said: str) -> None:
    with pytest.raises(InputError) as error:
        build("scadc")(*change(_maps()))
    assert said in str(error.value)
