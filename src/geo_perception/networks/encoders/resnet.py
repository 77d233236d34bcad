# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 to -152 (arXiv 1512.03385) as an image encoder: five maps at 1/2 to 1/32 of the input size.

The unused ImageNet classifier `fc` is kept because the published encoder files hold it; it is frozen, so that
neither an optimiser nor a multi-process run waits for its gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geo_perception.errors import ConfigError, WeightsError
from geo_perception.networks.layers.image_check import check_image
from geo_perception.networks.layers.residual import ResidualBlock

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
WIDTHS = (64, 128, 256, 512)  # of the 3x3 convolutions of the four stages
STEM_CHANNELS = 64
CLASSES = 1000  # ImageNet
MEAN, STD = 0.45, 0.225  # of the input, the same for every colour


@dataclass(frozen=True)
class ResnetEncoderConfig:
    """Depth of the network, and how many RGB images are stacked at its input."""

    layers: int = 18  # 18, 34: two convolutions a block; 50, 101, 152: bottlenecks, four times as wide
    images: int = 1  # 2 or 3 for the pose encoders, which see several frames at once

    def __post_init__(self) -> None:
        if self.layers not in BLOCKS:
            raise ConfigError(f"layers {self.layers!r} is not one of {tuple(BLOCKS)}")
        if not 1 <= self.images <= 8:
            raise ConfigError(f"images {self.images!r} is not between 1 and 8")


class Bottleneck(nn.Module):
    """1x1, 3x3 (which carries the stride), 1x1 with four times the width, and ReLU after the sum."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        outputs = self.expansion * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block, (B,C,H,W) -> (B,C',H/stride,W/stride)."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


def channels_of(layers: int) -> tuple[int, ...]:
    """Return the widths of the five maps."""
    expansion = Bottleneck.expansion if layers >= 50 else 1
    return (STEM_CHANNELS, *(expansion * width for width in WIDTHS))


def stage(layers: int, index: int) -> nn.Sequential:
    """Build stage `index` (0 to 3) of a ResNet; all but the first halve the size."""
    inputs, outputs = channels_of(layers)[index : index + 2]
    block: type[nn.Module] = Bottleneck if layers >= 50 else ResidualBlock
    width, stride = WIDTHS[index], 1 if index == 0 else 2
    rest = [block(outputs, width) for _ in range(BLOCKS[layers][index] - 1)]
    return nn.Sequential(block(inputs, width, stride), *rest)


def normalise(image: Tensor) -> Tensor:
    """Normalise (B,C,H,W) RGB in 0..1 as in training."""
    return (image - MEAN) / STD


def initialise(module: nn.Module) -> None:
    """Apply He initialisation to convolutions, as for ResNets trained from scratch."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")


class Resnet(nn.Module):
    """The trunk and its classifier, with the usual names."""

    def __init__(self, layers: int, inputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, STEM_CHANNELS, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.layer1, self.layer2, self.layer3, self.layer4 = (stage(layers, index) for index in range(4))
        self.fc = nn.Linear(channels_of(layers)[-1], CLASSES).requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Compute five maps; the first is before the max-pool."""
        features = [torch.relu(self.bn1(self.conv1(x)))]
        features.append(self.layer1(F.max_pool2d(features[0], 3, stride=2, padding=1)))
        for layer in (self.layer2, self.layer3, self.layer4):
            features.append(layer(features[-1]))
        return features


class ResnetEncoder(nn.Module):
    """Encoder of one or several images to five feature maps."""

    def __init__(self, config: ResnetEncoderConfig = ResnetEncoderConfig()) -> None:
        super().__init__()
        self.config = config
        self.channels = channels_of(config.layers)
        self.encoder = Resnet(config.layers, 3 * config.images)
        initialise(self.encoder)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode stacked images.

        Args:
            image: (B,3n,H,W) RGB in 0..1, n images stacked; H and W multiples of 32.

        Returns:
            Five maps (B,channels[i],H/2^(i+1),W/2^(i+1)).

        Raises:
            InputError: other shapes.
        """
        check_image(image, 3 * self.config.images)
        features: list[Tensor] = self.encoder(normalise(image))
        return features


def infer_config(state: Mapping[str, Tensor], prefix: str = "encoder.") -> dict[str, Any]:
    """Infer layers and images of a state dictionary. Raises WeightsError if it is not one of this network."""
    blocks = tuple(_count_blocks(state, f"{prefix}layer{index}.") for index in (1, 2, 3, 4))
    bottleneck = f"{prefix}layer1.0.conv3.weight" in state
    found = [n for n, counts in BLOCKS.items() if counts == blocks and (n >= 50) == bottleneck]
    stem = state.get(f"{prefix}conv1.weight")
    if not found or stem is None:
        raise WeightsError(f"not ResNet weights: {len(state)} entries, blocks per stage {blocks}")
    return {"layers": found[0], "images": stem.shape[1] // 3}


def _count_blocks(state: Mapping[str, Tensor], prefix: str) -> int:
    return len({name.removeprefix(prefix).split(".")[0] for name in state if name.startswith(prefix)})
