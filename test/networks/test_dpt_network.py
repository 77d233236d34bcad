# SPDX-License-Identifier: Apache-2.0
"""DPT against reference outputs, and what its options change."""

from __future__ import annotations

import pytest
import torch
from helpers import network_golden as golden
from helpers import parity

from geo_perception.errors import InputError
from geo_perception.networks import build
from geo_perception.networks.encoders.vit import StandardisedConv, pad_same

TOLERANCE = 2e-3  # on another processor; 0 where the reference was made


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


def _filled(variant: str, **config: object) -> torch.nn.Module:
    network = parity.fill(build("dpt", variant=variant, **config), {"salt": "a:", "post_scale": []}).eval()
    network.scratch.output_conv[4].bias.fill_(5.0)  # keeps the last ReLU open
    return network


@pytest.mark.parametrize("variant", ["hybrid", "large"])
def test_dpt_matches_reference(variant: str) -> None:
    reference, network = golden.load(f"dpt_{variant}"), _filled(variant)
    image = torch.from_numpy(parity.image("a:dpt", (1, 3, 64, 96)))
    taps = network.taps(image)
    narrow = network.scratch.narrow(network.maps(taps))
    got = {f"hook_{index}": tap for index, tap in enumerate(taps[0], 1)}
    got |= {"layer_4_rn": narrow[3], "disparity": network(image)}
    for name, value in got.items():
        assert golden.error(reference, name, value) <= TOLERANCE, name
    aligned = network
    aligned.scratch.output_conv[1].align_corners = True
    assert golden.error(reference, "disparity", aligned(image)) > 0.05


def test_options_reach_the_layers() -> None:
    network = build("dpt", head_align_corners=True, legacy_standardisation=True)
    assert network.scratch.output_conv[1].align_corners
    convolutions = [part for part in network.modules() if isinstance(part, StandardisedConv)]
    assert len(convolutions) == 52 and all(part.legacy for part in convolutions)


@pytest.mark.parametrize("legacy", [False, True])
def test_filters_are_standardised(legacy: bool) -> None:
    conv = StandardisedConv(8, 4, 3, legacy=legacy)
    weight = conv.standardised().flatten(1)
    assert torch.allclose(weight.mean(1), torch.zeros(4), atol=1e-6)
    assert torch.allclose(weight.var(1, correction=0), torch.ones(4), atol=1e-3)


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "want"), [(8, 3, 2, 4), (7, 3, 2, 4), (8, 7, 2, 4), (5, 1, 2, 3)]
)
def test_same_padding_gives_the_rounded_up_quotient(side: int, kernel: int, stride: int, want: int) -> None:
    padded = pad_same(torch.zeros(1, 1, side, side), kernel, stride)
    assert (padded.shape[-1] - kernel) // stride + 1 == want


def test_wrong_size_is_refused() -> None:
    with pytest.raises(InputError, match="multiples of 32, got 48x64"):
        build("dpt")(torch.zeros(1, 3, 48, 64))
