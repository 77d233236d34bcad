# SPDX-License-Identifier: Apache-2.0
"""PSMNet: pyramid stereo matching (CVPR 2018, arXiv 1803.08669), variants stackhourglass and basic.

Features with spatial pyramid pooling, a concatenation cost volume at quarter resolution, 3-D convolutions,
and the expectation over disparity. Structure and state-dict keys are as published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geo_perception.errors import ConfigError, InputError, WeightsError
from geo_perception.networks.layers.hourglass import Hourglass, conv_bn, conv_bn_relu

VARIANTS = ("stackhourglass", "basic")
MULTIPLE = 16  # sizes are padded to this
MIN_SIZE = 256  # the largest pooling window (64 at quarter resolution) must fit once
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class PsmnetConfig:
    """The defaults are the published network on a current PyTorch."""

    variant: str = "stackhourglass"  # "basic" has plain residual 3-D blocks instead of hourglasses: faster
    maxdisp: int = 192  # pixels, exclusive; a multiple of 16. Not stored in the weights
    # How features and costs are upsampled. False is what the published code does on PyTorch >= 0.4; the first
    # released weights were made when True was the only behaviour.
    align_corners: bool = False

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ConfigError(f"variant {self.variant!r} is not one of {VARIANTS}")
        if self.maxdisp < MULTIPLE or self.maxdisp % MULTIPLE:
            raise ConfigError(f"maxdisp {self.maxdisp} is not a positive multiple of {MULTIPLE}")


def normalise(image: Tensor) -> Tensor:
    """Normalise (B,3,H,W) RGB in [0,1] to the statistics that PSMNet expects."""
    mean, std = (image.new_tensor(v)[:, None, None] for v in (IMAGE_MEAN, IMAGE_STD))
    return (image - mean) / std


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut, without activation after the sum."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        first = conv_bn(inputs, outputs, 3, stride=stride, padding=1, dilation=dilation)
        self.conv1 = nn.Sequential(first, nn.ReLU(inplace=True))
        self.conv2 = conv_bn(outputs, outputs, 3, padding=1, dilation=dilation)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = conv_bn(inputs, outputs, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block, (B,C,H,W) -> (B,C',H/stride,W/stride)."""
        y: Tensor = self.conv2(self.conv1(x))
        return y + (x if self.downsample is None else self.downsample(x))


def _layer(inputs: int, outputs: int, blocks: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    rest = [BasicBlock(outputs, outputs, dilation=dilation) for _ in range(blocks - 1)]
    return nn.Sequential(BasicBlock(inputs, outputs, stride, dilation), *rest)


def _branch(window: int) -> nn.Sequential:
    return nn.Sequential(nn.AvgPool2d(window), conv_bn(128, 32, 1), nn.ReLU(inplace=True))


class FeatureExtraction(nn.Module):
    """Residual network to quarter resolution with spatial pyramid pooling."""

    def __init__(self, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.firstconv = nn.Sequential(
            conv_bn(3, 32, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            conv_bn(32, 32, 3, padding=1),
            nn.ReLU(inplace=True),
            conv_bn(32, 32, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.layer1 = _layer(32, 32, 3)
        self.layer2 = _layer(32, 64, 16, stride=2)
        self.layer3 = _layer(64, 128, 3)
        self.layer4 = _layer(128, 128, 3, dilation=2)
        self.branch1, self.branch2, self.branch3, self.branch4 = (_branch(w) for w in (64, 32, 16, 8))
        self.lastconv = nn.Sequential(
            conv_bn(320, 128, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(128, 32, 1, bias=False)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Extract features, (B,3,H,W) normalised RGB -> (B,32,H/4,W/4)."""
        shallow = self.layer2(self.layer1(self.firstconv(image)))
        deep = self.layer4(self.layer3(shallow))
        parts = [shallow, deep]
        for branch in (self.branch4, self.branch3, self.branch2, self.branch1):
            parts.append(self._resize(branch(deep), deep.shape[2:]))
        y: Tensor = self.lastconv(torch.cat(parts, 1))
        return y

    def _resize(self, x: Tensor, size: torch.Size) -> Tensor:
        return F.interpolate(x, size, mode="bilinear", align_corners=self.align_corners)


def _pair(inputs: int, *, last_relu: bool) -> nn.Sequential:
    layers = [
        conv_bn(inputs, 32, 3, padding=1, dims=3),
        nn.ReLU(inplace=True),
        conv_bn(32, 32, 3, padding=1, dims=3),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if last_relu else nn.Sequential(*layers)


def _classifier() -> nn.Sequential:
    return nn.Sequential(
        *conv_bn_relu(32, 32, 3, padding=1, dims=3), nn.Conv3d(32, 1, 3, padding=1, bias=False)
    )


class Psmnet(nn.Module):
    """Network for dense disparity of a rectified colour pair."""

    dres2: nn.Module  # a hourglass, or a plain pair in the variant basic; dres3 and dres4 alike
    dres3: nn.Module
    dres4: nn.Module
    classify: nn.Module  # basic only
    classif1: nn.Module  # stackhourglass only, as the other two
    classif2: nn.Module
    classif3: nn.Module

    def __init__(self, config: PsmnetConfig = PsmnetConfig()) -> None:
        super().__init__()
        self.config = config
        self.feature_extraction = FeatureExtraction(config.align_corners)
        self.dres0 = _pair(64, last_relu=True)
        self.dres1 = _pair(32, last_relu=False)
        basic = config.variant == "basic"
        for name in ("dres2", "dres3", "dres4"):
            self.add_module(name, _pair(32, last_relu=False) if basic else Hourglass(32, dims=3))
        for name in ("classify",) if basic else ("classif1", "classif2", "classif3"):
            self.add_module(name, _classifier())
        self.apply(_initialise)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Predict disparity (B,H,W) of the left image in pixels, in [0, maxdisp - 1].

        For the three outputs that training needs, see `all_disparities`.

        Args:
            left: rectified RGB (B,3,H,W) of any size, normalised with `normalise`.
            right: the same size.

        Raises:
            InputError: other shapes.
        """
        check_inputs(left, right)
        height, width = left.shape[2:]
        left, right = pad(left), pad(right)
        disparity = self.regress(self.costs(left, right)[-1], left.shape[2:])
        return disparity[:, disparity.shape[1] - height :, :width]

    def all_disparities(self, left: Tensor, right: Tensor) -> tuple[Tensor, ...]:
        """Predict disparities (B,H,W) of all heads, best last: three of stackhourglass, one of basic.

        H and W must be multiples of 16 and at least 256 (training crops are 256 x 512).
        """
        check_inputs(left, right)
        if pad(left).shape != left.shape:
            raise InputError(
                f"needs H, W >= {MIN_SIZE} and divisible by {MULTIPLE}, got {tuple(left.shape[2:])}"
            )
        return tuple(self.regress(cost, left.shape[2:]) for cost in self.costs(left, right))

    def costs(self, left: Tensor, right: Tensor) -> list[Tensor]:
        """Compute matching scores (B,1,D/4,H/4,W/4) of every head, before the expectation."""
        features = self.feature_extraction(left), self.feature_extraction(right)
        volume = cost_volume(*features, self.config.maxdisp // 4)
        first = self.dres0(volume)
        first = self.dres1(first) + first
        return self._basic(first) if self.config.variant == "basic" else self._hourglasses(first)

    def _basic(self, x: Tensor) -> list[Tensor]:
        for block in (self.dres2, self.dres3, self.dres4):
            x = block(x) + x
        return [self.classify(x)]

    def _hourglasses(self, first: Tensor) -> list[Tensor]:
        out, pre1, post1 = self.dres2(first)
        out1 = out + first
        out, _, post2 = self.dres3(out1, presqu=pre1, postsqu=post1)
        out2 = out + first
        out, _, _ = self.dres4(out2, presqu=pre1, postsqu=post2)
        cost1 = self.classif1(out1)
        cost2 = self.classif2(out2) + cost1
        return [cost1, cost2, self.classif3(out + first) + cost2]

    def regress(self, cost: Tensor, size: torch.Size) -> Tensor:
        """Apply soft arg-max over disparity, (B,H,W): the expectation under a softmax of the upsampled scores."""
        volume = (self.config.maxdisp, *size)
        cost = F.interpolate(cost, volume, mode="trilinear", align_corners=self.config.align_corners)
        weights = torch.softmax(cost[:, 0], dim=1)
        ramp = torch.arange(self.config.maxdisp, dtype=weights.dtype, device=weights.device)
        return (weights * ramp[:, None, None]).sum(1)


def cost_volume(left: Tensor, right: Tensor, planes: int) -> Tensor:
    """Concatenate left features and right features shifted by each disparity, (B,2C,planes,h,w), zero outside."""
    batch, channels, height, width = left.shape
    volume = left.new_zeros(batch, 2 * channels, planes, height, width)
    for d in range(min(planes, width)):
        volume[:, :channels, d, :, d:] = left[..., d:]
        volume[:, channels:, d, :, d:] = right[..., : width - d]
    return volume


def pad(image: Tensor) -> Tensor:
    """Pad zeros on top and on the right, to a multiple of 16 and at least 256 in both directions."""
    height, width = (max(MIN_SIZE, -(-side // MULTIPLE) * MULTIPLE) for side in image.shape[2:])
    return F.pad(image, (0, width - image.shape[3], height - image.shape[2], 0))


def check_inputs(left: Tensor, right: Tensor) -> None:
    """Raise InputError unless both are (B,3,H,W) of one shape."""
    if left.shape != right.shape or left.dim() != 4 or left.shape[1] != 3:
        raise InputError(
            f"PSMNet needs two (B,3,H,W) images of one shape, got {tuple(left.shape)} and {tuple(right.shape)}"
        )


def _initialise(module: nn.Module) -> None:
    """Draw weights, normal with std sqrt(2 / (kernel volume * outputs)); transposed convolutions keep the default."""
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        volume = module.weight[0, 0].numel()
        nn.init.normal_(module.weight, std=sqrt(2.0 / (volume * module.out_channels)))


def infer_config(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Infer the variant of a state dictionary. Raises WeightsError if it is not one of this network."""
    if "feature_extraction.firstconv.0.0.weight" not in state:
        raise WeightsError(f"not PSMNet weights: no feature_extraction.* among {len(state)} entries")
    return {"variant": "basic" if "classify.2.weight" in state else "stackhourglass"}
