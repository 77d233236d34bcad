# SPDX-License-Identifier: Apache-2.0
"""SSDC: self-supervised sparse-to-dense (ICRA 2019, arXiv 1807.00275).

A ResNet-18 or -34 at full resolution (no stem, no pooling) encodes sparse depth and image; transposed
convolutions decode with skips. Structure and state-dict keys are as published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from geo_perception.errors import ConfigError, InputError, WeightsError
from geo_perception.networks.layers.residual import ResidualBlock

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}  # residual blocks per stage
IMAGE_CHANNELS = {"d": 0, "rgb": 3, "rgbd": 3, "g": 1, "gd": 1}
STEM_CHANNELS = 64
SLOPE = 0.2
SCALE_M = 100.0  # the last layer predicts hundreds of metres
MIN_DEPTH_M = 0.9  # of the output in eval mode
MULTIPLE = 16  # H and W are halved four times and doubled exactly


@dataclass(frozen=True)
class SsdcConfig:
    """The defaults are those of the published self-supervised network."""

    layers: int = 34  # 18 is 1.6 times faster and slightly less accurate
    input: str = "gd"  # d: sparse depth, g: grey image, rgb: colour image, or both as gd, rgbd

    def __post_init__(self) -> None:
        if self.layers not in BLOCKS:
            raise ConfigError(f"layers {self.layers!r} is not one of {tuple(BLOCKS)}")
        if self.input not in IMAGE_CHANNELS:
            raise ConfigError(f"input {self.input!r} is not one of {tuple(IMAGE_CHANNELS)}")

    @property
    def uses_depth(self) -> bool:
        """True if the input includes sparse depth."""
        return "d" in self.input

    @property
    def image_channels(self) -> int:
        """0 (no image), 1 (grey) or 3 (RGB)."""
        return IMAGE_CHANNELS[self.input]


def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    rest = [ResidualBlock(outputs, outputs) for _ in range(blocks - 1)]
    return nn.Sequential(ResidualBlock(inputs, outputs, stride), *rest)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.LeakyReLU(SLOPE, inplace=True))


def _deconv(inputs: int, outputs: int, stride: int = 2) -> nn.Sequential:
    conv = nn.ConvTranspose2d(inputs, outputs, 3, stride, padding=1, output_padding=stride - 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.LeakyReLU(SLOPE, inplace=True))


class Ssdc(nn.Module):
    """Completes sparse lidar depth to a dense map, guided by an image."""

    def __init__(self, config: SsdcConfig = SsdcConfig()) -> None:
        super().__init__()
        self.config = config
        # The published widths follow from the number of letters in the input's name.
        share = STEM_CHANNELS // len(config.input)
        if config.uses_depth:
            self.conv1_d = _conv(1, share)
        if config.image_channels:
            images = STEM_CHANNELS * config.image_channels // len(config.input)
            self.conv1_img = _conv(config.image_channels, images)
        blocks = BLOCKS[config.layers]
        self.conv2 = _stage(64, 64, blocks[0], 1)
        self.conv3 = _stage(64, 128, blocks[1], 2)
        self.conv4 = _stage(128, 256, blocks[2], 2)
        self.conv5 = _stage(256, 512, blocks[3], 2)
        self.conv6 = _conv(512, 512, stride=2)
        self.convt5 = _deconv(512, 256)
        self.convt4 = _deconv(256 + 512, 128)
        self.convt3 = _deconv(128 + 256, 64)
        self.convt2 = _deconv(64 + 128, 64)
        self.convt1 = _deconv(64 + 64, 64, stride=1)
        self.convtf = nn.Sequential(nn.Conv2d(64 + 64, 1, 1))
        self.apply(_initialise)

    def forward(self, sparse_depth_m: Tensor | None, image: Tensor | None = None) -> Tensor:
        """Complete sparse depth; H and W must be divisible by 16 (published size 352 x 1216).

        Args:
            sparse_depth_m: (B,1,H,W) returns in metres, 0 where none; None for the inputs rgb and g.
            image: (B,3,H,W) RGB or (B,1,H,W) grey, float in 0..255, not normalised; None for the input d.

        Returns:
            (B,1,H,W) depth in metres: at least 0.9 in eval mode, unlimited in training mode.

        Raises:
            InputError: other shapes, or a missing or superfluous input.
        """
        check_inputs(self.config, sparse_depth_m, image)
        raw = SCALE_M * self.decode(self.encode(self.stem(sparse_depth_m, image)))
        return raw if self.training else floor_depth(raw)

    def stem(self, sparse_depth_m: Tensor | None, image: Tensor | None) -> Tensor:
        """Compute (B,64,H,W): depth channels first, then image channels."""
        parts = [] if sparse_depth_m is None else [self.conv1_d(sparse_depth_m)]
        parts += [] if image is None else [self.conv1_img(image)]
        return torch.cat(parts, 1)

    def encode(self, stem: Tensor) -> list[Tensor]:
        """Compute stem and five stages: 64, 64, 128, 256, 512, 512 channels at 1, 1, 1/2, 1/4, 1/8, 1/16."""
        features = [stem]
        for stage in (self.conv2, self.conv3, self.conv4, self.conv5, self.conv6):
            features.append(stage(features[-1]))
        return features

    def decode(self, features: list[Tensor]) -> Tensor:
        """Decode (B,1,H,W) depth in units of 100 m; every step takes [decoder, encoder] of its size."""
        *skips, x = features
        for layer in (self.convt5, self.convt4, self.convt3, self.convt2, self.convt1):
            x = torch.cat((layer(x), skips.pop()), 1)
        y: Tensor = self.convtf(x)
        return y


def floor_depth(raw_m: Tensor) -> Tensor:
    """Raise depth to at least 0.9 m, with the published order of operations."""
    return (raw_m - MIN_DEPTH_M).clamp(min=0) + MIN_DEPTH_M


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, std=1e-3)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def check_inputs(config: SsdcConfig, sparse_depth_m: Tensor | None, image: Tensor | None) -> None:
    """Raise InputError unless the inputs are those of the config, of one size divisible by 16."""
    wanted = {"sparse_depth_m": int(config.uses_depth), "image": config.image_channels}
    given = {"sparse_depth_m": sparse_depth_m, "image": image}
    sizes = set()
    for name, tensor in given.items():
        channels = wanted[name]
        if (tensor is None) != (channels == 0):
            needs = f"(B,{channels},H,W)" if channels else "None"
            got = "None" if tensor is None else tuple(tensor.shape)
            raise InputError(f"SSDC with input {config.input!r} needs {name} = {needs}, got {got}")
        if tensor is None:
            continue
        if tensor.dim() != 4 or tensor.shape[1] != channels:
            raise InputError(
                f"SSDC with input {config.input!r} needs {name} (B,{channels},H,W), got {tuple(tensor.shape)}"
            )
        sizes.add((tensor.shape[0], *tensor.shape[2:]))
    if len(sizes) != 1 or any(side % MULTIPLE for side in next(iter(sizes))[1:]):
        raise InputError(
            f"SSDC needs one batch and size, divisible by {MULTIPLE}, got (B,H,W) = {sorted(sizes)}"
        )


def infer_config(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Infer layers and input of a state dictionary. Raises WeightsError if it is not one of this network."""
    if "conv2.0.conv1.weight" not in state or "convtf.0.weight" not in state:
        raise WeightsError(f"not SSDC weights: no conv2.0.conv1.weight among {len(state)} entries")
    depth = "d" if "conv1_d.0.weight" in state else ""
    image = state.get("conv1_img.0.weight")
    letters = "" if image is None else {1: "g", 3: "rgb"}.get(image.shape[1], "")
    return {"layers": 34 if "conv2.2.conv1.weight" in state else 18, "input": letters + depth}
