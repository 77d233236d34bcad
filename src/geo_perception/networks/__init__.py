# SPDX-License-Identifier: Apache-2.0
"""Networks by name: `build("scadc", stereo_scale=0.87)`. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from torch import nn

from geo_perception.errors import ConfigError
from geo_perception.networks.scadc import Scadc, ScadcConfig, ScadcOutput

__all__ = ["NETWORKS", "NetworkSpec", "ScadcOutput", "build"]


@dataclass(frozen=True)
class NetworkSpec:
    """A frozen config dataclass and the module that is built from one."""

    config: type[Any]
    module: Callable[[Any], nn.Module]


NETWORKS: dict[str, NetworkSpec] = {
    "scadc": NetworkSpec(ScadcConfig, Scadc),
}


def build(name: str, **config: Any) -> nn.Module:
    """A freshly initialised network; ConfigError lists what exists when the name or a key is unknown."""
    if name not in NETWORKS:
        raise ConfigError(f"network {name!r} is not one of {sorted(NETWORKS)}")
    spec = NETWORKS[name]
    known = [field.name for field in fields(spec.config)]
    unknown = sorted(set(config) - set(known))
    if unknown:
        raise ConfigError(f"network {name!r} has no option {', '.join(unknown)}; its options are {known}")
    return spec.module(spec.config(**config))
