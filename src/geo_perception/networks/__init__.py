# SPDX-License-Identifier: Apache-2.0
"""Networks by name: `build("scadc", stereo_scale=0.87)`. A new one is one file and one line here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor, nn

from geo_perception.errors import ConfigError
from geo_perception.networks import distdepth, dpt, manydepth, posenet, psmnet, ssdc, video_depth
from geo_perception.networks.depth_decoder import DepthDecoder, DepthDecoderConfig
from geo_perception.networks.distdepth import DistDepth, DistDepthConfig, DistDepthOutput
from geo_perception.networks.dpt import Dpt, DptConfig
from geo_perception.networks.encoders import resnet
from geo_perception.networks.encoders.matching import MatchingEncoder, MatchingEncoderConfig
from geo_perception.networks.encoders.resnet import ResnetEncoder, ResnetEncoderConfig
from geo_perception.networks.manydepth import MultiFrame, MultiFrameConfig
from geo_perception.networks.posenet import PoseNet, PoseNetConfig
from geo_perception.networks.psmnet import Psmnet, PsmnetConfig
from geo_perception.networks.scadc import Scadc, ScadcConfig, ScadcOutput, confidence_limits
from geo_perception.networks.scadc_guided import ScadcGuided, ScadcGuidedConfig
from geo_perception.networks.ssdc import Ssdc, SsdcConfig
from geo_perception.networks.video_depth import VideoDepth, VideoDepthConfig

__all__ = ["NETWORKS", "DistDepthOutput", "NetworkSpec", "ScadcOutput", "build"]

MAX_NUMBER = 8192  # in an option: any of these architectures is smaller; a damaged card may hold more


def _no_config(_state: Mapping[str, Tensor]) -> dict[str, Any]:
    return {}


def _no_limits(_module: nn.Module) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class NetworkSpec:
    """Frozen config dataclass and module of a network, and functions for imported weights."""

    config: type[Any]
    module: Callable[[Any], nn.Module]
    infer_config: Callable[[Mapping[str, Tensor]], dict[str, Any]] = (
        _no_config  # what a state dict determines
    )
    inspect: Callable[[Any], tuple[str, ...]] = _no_limits  # limits that can be measured from the weights


NETWORKS: dict[str, NetworkSpec] = {
    "psmnet": NetworkSpec(PsmnetConfig, Psmnet, infer_config=psmnet.infer_config),
    "ssdc": NetworkSpec(SsdcConfig, Ssdc, infer_config=ssdc.infer_config),
    "scadc_guided": NetworkSpec(ScadcGuidedConfig, ScadcGuided),
    "scadc": NetworkSpec(ScadcConfig, Scadc, inspect=confidence_limits),
    "resnet_encoder": NetworkSpec(ResnetEncoderConfig, ResnetEncoder, infer_config=resnet.infer_config),
    "depth_decoder": NetworkSpec(DepthDecoderConfig, DepthDecoder),
    "distdepth": NetworkSpec(DistDepthConfig, DistDepth, infer_config=distdepth.infer_config),
    "dpt": NetworkSpec(DptConfig, Dpt, infer_config=dpt.infer_config),
    "posenet": NetworkSpec(PoseNetConfig, PoseNet, infer_config=posenet.infer_config),
    "matching_encoder": NetworkSpec(MatchingEncoderConfig, MatchingEncoder),
    "multi_frame": NetworkSpec(MultiFrameConfig, MultiFrame, infer_config=manydepth.infer_config),
    "video_depth": NetworkSpec(VideoDepthConfig, VideoDepth, infer_config=video_depth.infer_config),
}


def build(name: str, **config: Any) -> nn.Module:
    """Build a freshly initialised network.

    Raises:
        ConfigError: the name or a key is unknown; lists what exists.
    """
    if name not in NETWORKS:
        raise ConfigError(f"network {name!r} is not one of {sorted(NETWORKS)}")
    spec = NETWORKS[name]
    known = [field.name for field in fields(spec.config)]
    unknown = sorted(set(config) - set(known))
    if unknown:
        raise ConfigError(f"network {name!r} has no option {', '.join(unknown)}; its options are {known}")
    for key, value in config.items():
        if largest_number(value) > MAX_NUMBER:
            raise ConfigError(
                f"option {key} of network {name!r} must be at most {MAX_NUMBER}, got {str(value)[:60]}"
            )
    typed = {
        field.name: _typed(field.name, config[field.name], field.default)
        for field in fields(spec.config)
        if field.name in config
    }
    return spec.module(spec.config(**typed))


def _typed(name: str, value: Any, default: Any) -> Any:
    """Convert `value` to the type of the option's default: YAML knows no tuples, and writes 1 for 1.0."""
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(value)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        raise ConfigError(f"option {name} must be of type {type(default).__name__}, got {value!r}")
    return value


def largest_number(value: Any) -> float:
    """Find the largest magnitude among an option's numbers, 0 if there are none, infinite for NaN."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return max(map(largest_number, value), default=0.0)
    if not isinstance(value, int | float):
        return 0.0
    return math.inf if math.isnan(value) else abs(value)
