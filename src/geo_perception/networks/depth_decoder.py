# SPDX-License-Identifier: Apache-2.0
"""Depth decoder of the MonoDepth family (arXiv 1806.01260): upsampling with skips, a sigmoid map per scale.

Layers lie flat in `decoder` in the order of the published files: two convolutions a level from the coarsest to
the finest, then the output convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geo_perception.errors import ConfigError, InputError

WIDTHS = (16, 32, 64, 128, 256)  # of the decoder at 1, 1/2, ... 1/16 of the input size
LEVELS = len(WIDTHS)
UPSAMPLINGS = ("bilinear", "nearest")
MIN_SIDE = 2  # of the coarsest map, which is padded by reflection


@dataclass(frozen=True)
class DepthDecoderConfig:
    """The defaults fit ResNet-18 and -34."""

    channels: tuple[int, ...] = (64, 64, 128, 256, 512)  # of the encoder's five maps, at 1/2 ... 1/32
    scales: tuple[int, ...] = (0, 1, 2, 3)  # outputs at 1/2^scale of the input size; training uses all four
    # "nearest" is what MonoDepth2, ManyDepth and DepthHints use, and DistDepth did before May 2022.
    upsampling: str = "bilinear"

    def __post_init__(self) -> None:
        if len(self.channels) != LEVELS or min(self.channels) < 1:
            raise ConfigError(f"channels {self.channels} are not the widths of {LEVELS} maps")
        if not self.scales or list(self.scales) != sorted(set(self.scales) & set(range(LEVELS))):
            raise ConfigError(f"scales {self.scales} are not ascending numbers among {tuple(range(LEVELS))}")
        if self.upsampling not in UPSAMPLINGS:
            raise ConfigError(f"upsampling {self.upsampling!r} is not one of {UPSAMPLINGS}")


class ReflectedConv(nn.Module):
    """3x3 convolution that sees the image mirrored at its borders."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B,C,H,W) -> (B,C',H,W)."""
        y: Tensor = self.conv(F.pad(x, (1, 1, 1, 1), mode="reflect"))
        return y


class ConvElu(nn.Module):
    """`ReflectedConv` and ELU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = ReflectedConv(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve and activate, (B,C,H,W) -> (B,C',H,W)."""
        return F.elu(self.conv(x))


class DepthDecoder(nn.Module):
    """Decoder of five encoder maps to sigmoid maps; 0 is the farthest depth, 1 the nearest."""

    def __init__(self, config: DepthDecoderConfig = DepthDecoderConfig()) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        wide = config.channels[-1]
        for level in reversed(range(LEVELS)):
            width = WIDTHS[level]
            skip = config.channels[level - 1] if level else 0
            layers += [ConvElu(wide, width), ConvElu(width + skip, width)]
            wide = width
        layers += [ReflectedConv(WIDTHS[scale], 1) for scale in config.scales]
        self.decoder = nn.ModuleList(layers)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Decode features.

        Args:
            features: five maps (B,channels[i],H/2^(i+1),W/2^(i+1)); the coarsest must be at least 2x2.

        Returns:
            One (B,1,H/2^s,W/2^s) map in 0..1 for every s in `config.scales`, finest first.

        Raises:
            InputError: other shapes.
        """
        return tuple(torch.sigmoid(logit) for logit in self.logits(features))

    def logits(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Decode as `forward` does, without the sigmoid."""
        check_features(self.config, features)
        outputs: list[Tensor] = []
        x = features[-1]
        for level in reversed(range(LEVELS)):
            x = self._level(level, x, features[level - 1] if level else None)
            if level in self.config.scales:
                head = self.decoder[2 * LEVELS + self.config.scales.index(level)]
                outputs.insert(0, head(x))
        return tuple(outputs)

    def _level(self, level: int, x: Tensor, skip: Tensor | None) -> Tensor:
        """Apply one level: narrow, double the size, concatenate the encoder's map, mix."""
        first = 2 * (LEVELS - 1 - level)
        x = self._double(self.decoder[first](x))
        x = x if skip is None else torch.cat((x, skip), 1)
        y: Tensor = self.decoder[first + 1](x)
        return y

    def _double(self, x: Tensor) -> Tensor:
        if self.config.upsampling == "nearest":
            return F.interpolate(x, scale_factor=2.0, mode="nearest")
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def check_features(config: DepthDecoderConfig, features: Sequence[Tensor]) -> None:
    """Raise InputError unless the maps have the widths of the config and halve in size from each to the next."""
    shapes = [tuple(feature.shape) for feature in features]
    if [shape[1] for shape in shapes] != list(config.channels):
        raise InputError(f"the decoder needs maps with {config.channels} channels, got {shapes}")
    height, width = shapes[-1][2:]
    if min(height, width) < MIN_SIDE:
        raise InputError(f"the coarsest map is {height}x{width}, not at least 2x2: the image is below 64x64")
    wanted = [(height << shift, width << shift) for shift in reversed(range(LEVELS))]
    if [shape[2:] for shape in shapes] != wanted:
        raise InputError(f"the decoder needs maps of sizes {wanted}, got {[shape[2:] for shape in shapes]}")
