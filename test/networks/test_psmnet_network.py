# SPDX-License-Identifier: Apache-2.0
"""PSMNet against reference outputs, its padding, and its training gradients."""

from __future__ import annotations

import pytest
import torch
from helpers import parity
from torch import Tensor

from geo_perception.errors import InputError
from geo_perception.networks import build
from geo_perception.networks.psmnet import Psmnet, cost_volume, normalise, pad
from training.losses.scadc import psmnet_loss

PIXELS = 2e-3
VARIANTS = ("stackhourglass", "basic")


def _pair(variant: str) -> tuple[parity.Golden, Tensor, Tensor]:
    golden = parity.load(f"psmnet_{variant}")
    images = parity.inputs(golden.meta)
    return golden, images["left"], images["right"]


def _network(variant: str, golden: parity.Golden, *, scaled: bool = True, **config: bool) -> Psmnet:
    network = build("psmnet", variant=variant, maxdisp=golden.meta["maxdisp"], **config)
    return parity.fill(network, golden.meta, scaled=scaled).eval()


def _largest_error(got: Tensor, want) -> float:
    return (got - torch.from_numpy(want)[:, 0]).abs().max().item()


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_outputs_match_reference(variant: str) -> None:
    golden, left, right = _pair(variant)
    outputs = _network(variant, golden).all_disparities(left, right)
    names = ("pred1", "pred2", "pred3")[-len(outputs) :]
    for name, got in zip(names, outputs, strict=True):
        assert _largest_error(got, golden.arrays[name]) <= PIXELS, name


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_aligned_corners_match_reference(variant: str) -> None:
    golden, left, right = _pair(variant)
    got = _network(variant, golden, align_corners=True)(left, right)
    assert _largest_error(got, golden.arrays["pred3_align_corners_true"]) <= PIXELS


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_saturated_outputs_match_reference(variant: str) -> None:
    # In float64: a saturated softmax flips where two costs are all but equal, and float32 rounds by processor.
    golden, left, right = _pair(variant)
    got = _network(variant, golden, scaled=False).double()(left.double(), right.double())
    assert _largest_error(got, golden.arrays["plain_pred3"]) <= PIXELS


def test_training_gradients_match_reference() -> None:
    """Exactly computed gradients lie up to 0.5 % beside the reference's, which float32 rounded; 0.2 % in the median."""
    golden, left, right = (
        value if i == 0 else value.double() for i, value in enumerate(_pair("stackhourglass"))
    )
    reference = parity.load_json("train")["psmnet"]
    network = _network("stackhourglass", golden).train().double()
    lefts, rights = torch.cat((left, right.flip(3))), torch.cat((right, left.flip(3)))
    target = torch.from_numpy(parity.image("psmnet_train:gt", (1, 256, 256), 0, 60)).double()
    target = torch.cat((target, target.flip(2)))
    loss = psmnet_loss(network.all_disparities(lefts, rights), target, target < reference["maxdisp"])
    loss.backward()
    assert loss.item() == pytest.approx(reference["loss"], rel=1e-4)
    for name, parameter in network.named_parameters():
        assert parameter.grad.norm().item() == pytest.approx(reference["grad_norms"][name], rel=1e-2), name


@pytest.mark.parametrize(
    ("size", "padded"),
    [
        ((375, 1242), (384, 1248)),
        ((370, 1226), (384, 1232)),
        ((256, 256), (256, 256)),
        ((100, 300), (256, 304)),
    ],
)
def test_padding_goes_on_top_and_right(size: tuple[int, int], padded: tuple[int, int]) -> None:
    out = pad(torch.ones(1, 3, *size))
    assert out.shape[2:] == padded
    assert out[..., padded[0] - size[0] :, : size[1]].min() == 1
    assert out.sum() == 3 * size[0] * size[1]


@torch.no_grad()
def test_any_size_gives_disparity_of_that_size() -> None:
    network = build("psmnet", maxdisp=16, variant="basic").eval()
    images = torch.rand(2, 1, 3, 90, 101)
    disparity = network(normalise(images[0]), normalise(images[1]))
    assert disparity.shape == (1, 90, 101)
    assert 0 <= disparity.min() <= disparity.max() <= 15


def test_cost_volume_pairs_shifted_features() -> None:
    left, right = torch.rand(2, 1, 2, 3, 5)
    volume = cost_volume(left, right, 7)
    assert volume.shape == (1, 4, 7, 3, 5)
    for d in range(7):
        assert volume[:, :, d, :, : min(d, 5)].abs().sum() == 0
        assert torch.equal(volume[:, :2, d, :, d:], left[..., d:])
        assert torch.equal(volume[:, 2:, d, :, d:], right[..., : max(5 - d, 0)])


def test_training_outputs_need_training_sizes() -> None:
    images = torch.zeros(1, 3, 256, 250)
    with pytest.raises(InputError, match="250"):
        build("psmnet", maxdisp=16).all_disparities(images, images)


def test_images_of_different_size_are_refused() -> None:
    with pytest.raises(InputError, match="one shape"):
        build("psmnet", maxdisp=16)(torch.zeros(1, 3, 256, 256), torch.zeros(1, 3, 256, 272))
