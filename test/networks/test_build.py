# SPDX-License-Identifier: Apache-2.0
"""Networks by name: the published state dictionaries, and errors that say what exists."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import parity

from geo_perception.errors import ConfigError
from geo_perception.networks import NETWORKS, build

KEYS = parity.load_json("keys")
PUBLISHED: dict[str, tuple[str, dict[str, Any]]] = {
    "scadc": ("scadc", {}),
    "psmnet_stackhourglass": ("psmnet", {}),
    "psmnet_basic": ("psmnet", {"variant": "basic"}),
} | {
    f"ssdc{layers}_{inputs}": ("ssdc", {"layers": layers, "input": inputs})
    for layers in (18, 34)
    for inputs in ("d", "g", "gd", "rgb", "rgbd")
}


def test_every_published_network_is_compared() -> None:
    assert set(PUBLISHED) == set(KEYS)


@pytest.mark.parametrize("name", PUBLISHED)
def test_keys_shapes_types_and_order_are_as_published(name: str) -> None:
    network, config = PUBLISHED[name]
    assert parity.keys(build(network, **config)) == KEYS[name]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_builds_with_its_defaults(name: str) -> None:
    assert sum(p.numel() for p in build(name).parameters()) > 0


def test_unknown_network_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'resnet' is not one of .*psmnet.*scadc.*ssdc"):
        build("resnet")


def test_unknown_option_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no option depth.*layers.*input"):
        build("ssdc", depth=3)


@pytest.mark.parametrize(
    ("network", "config"),
    [
        ("scadc", {"confidence_activation": "gelu"}),
        ("scadc", {"stereo_scale": 0.0}),
        ("ssdc", {"layers": 50}),
        ("ssdc", {"input": "dgbr"}),
        ("psmnet", {"variant": "large"}),
        ("psmnet", {"maxdisp": 100}),
        ("psmnet", {"maxdisp": "192"}),
        ("psmnet", {"align_corners": 1}),
    ],
)
def test_option_out_of_range_is_refused(network: str, config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=str(next(iter(config.values())))):
        build(network, **config)


def test_options_as_a_card_writes_them_are_accepted() -> None:
    assert build("scadc", stereo_scale=1).config.stereo_scale == 1.0
    assert build("scadc_guided", widths=[8, 8, 8, 8]).config.widths == (8, 8, 8, 8)
