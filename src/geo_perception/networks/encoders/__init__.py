# SPDX-License-Identifier: Apache-2.0
"""Encoders of the depth networks by name, behind two methods: `channels` and `forward`.

`channels` are the widths of five maps at 1/2 ... 1/32 of the input size, `forward(image)` returns those maps for
(B,3,H,W) RGB in 0..1. "resnet18" ... "resnet152" and "efficientnet_lite0" ... "efficientnet_lite2" are ours;
"timm:<name>" and "transformers:<folder>" work where those packages are installed. No encoder downloads anything;
ImageNet weights come through `weights.load_imagenet`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from torch import Tensor, nn

from geo_perception.errors import ConfigError
from geo_perception.networks.encoders.efficientnet_lite import SCALINGS, EfficientnetLite
from geo_perception.networks.encoders.resnet import BLOCKS, ResnetEncoder, ResnetEncoderConfig
from geo_perception.networks.encoders.third_party import TimmEncoder, TransformersEncoder


class DepthEncoder(Protocol):
    """Interface of an encoder for a depth decoder."""

    channels: tuple[int, ...]  # widths of the five maps

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode (B,3,H,W) RGB in 0..1 -> maps (B,channels[i],H/2^(i+1),W/2^(i+1))."""
        ...


def _resnet(layers: int) -> nn.Module:
    return ResnetEncoder(ResnetEncoderConfig(layers))


ENCODERS: dict[str, Callable[[], nn.Module]] = {
    **{f"resnet{layers}": partial(_resnet, layers) for layers in BLOCKS},
    **{f"efficientnet_lite{version}": partial(EfficientnetLite, version) for version in SCALINGS},
}

# Families of other packages: the part after the colon names the model.
FAMILIES: dict[str, Callable[[str], nn.Module]] = {"timm": TimmEncoder, "transformers": TransformersEncoder}


def check_encoder(name: str) -> None:
    """Raise ConfigError, listing what exists, unless the name can be that of an encoder."""
    family, colon, model = name.partition(":")
    if name not in ENCODERS and not (colon and model and family in FAMILIES):
        families = ", ".join(f"{family}:<model>" for family in FAMILIES)
        raise ConfigError(f"encoder {name!r} is not one of {', '.join(ENCODERS)}, {families}")


def make_encoder(name: str) -> nn.Module:
    """Build a freshly initialised `DepthEncoder`. Raises ConfigError for an unknown name or a missing package."""
    check_encoder(name)
    if name in ENCODERS:
        return ENCODERS[name]()
    family, _, model = name.partition(":")
    return FAMILIES[family](model)


def channels_of(encoder: nn.Module) -> tuple[int, ...]:
    """Return `encoder.channels`, typed."""
    channels: object = encoder.channels
    if not isinstance(channels, tuple):
        raise TypeError(f"{type(encoder).__name__}.channels is no tuple")
    return channels
