# SPDX-License-Identifier: Apache-2.0
"""Encoders of the depth networks for inference: `fast_encoder` chooses the form by the encoder's class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geo_perception.inference.cpu.fuse import FastSequential
from geo_perception.inference.cpu.fused_conv import FusedConv, folded
from geo_perception.networks.encoders import efficientnet_lite, resnet
from geo_perception.networks.encoders.efficientnet_lite import EfficientnetLite
from geo_perception.networks.encoders.resnet import Bottleneck, ResnetEncoder
from geo_perception.networks.layers.image_check import check_image


class FastEncoder(Protocol):
    """Encoder for the decoder: (B,3,H,W) RGB in 0..1 -> five maps, channels last."""

    def __call__(self, image: Tensor) -> list[Tensor]: ...


def fast_encoder(encoder: nn.Module, dtype: torch.dtype) -> FastEncoder:
    """The form of an encoder for `dtype`; those of other packages stay in float32, which they were made for."""
    form = FORMS.get(type(encoder))
    return FastSequential(encoder, torch.float32) if form is None else form(encoder, dtype)


def centred(image: Tensor, mean: float) -> Tensor:
    """Compute `image` - mean in float32, channels last, in one pass; the first layer's weights hold the deviation."""
    out = torch.empty(image.shape, device=image.device, memory_format=torch.channels_last)
    return torch.sub(image, mean, out=out)


class FastResnet:
    """`ResnetEncoder` with batch norms folded and sums inside convolutions.

    The first layer is as fast in float32, for its input has three channels, and it is where the image comes in.
    """

    def __init__(self, encoder: Any, dtype: torch.dtype) -> None:
        self._channels = 3 * encoder.config.images
        trunk = encoder.encoder
        weight, bias = folded(trunk.conv1, trunk.bn1)
        self._first = FusedConv(
            weight / resnet.STD,
            bias,
            stride=trunk.conv1.stride,
            padding=trunk.conv1.padding,
            slope=0.0,
        )
        stages = (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4)
        self._stages = [[FastResidual(block, dtype) for block in stage] for stage in stages]

    def __call__(self, image: Tensor) -> list[Tensor]:
        check_image(image, self._channels)
        features = [self._first(centred(image, resnet.MEAN))]
        x = F.max_pool2d(features[0], 3, stride=2, padding=1)
        for blocks in self._stages:
            for block in blocks:
                x = block(x)
            features.append(x)
        return features


class FastResidual:
    """A residual block of either kind, float32 in and out; its convolutions are of the given type.

    Sums are in float32, or each block would round once more what passes through all of them. A convolution of that
    type adds within.
    """

    def __init__(self, block: Any, dtype: torch.dtype) -> None:
        self._dtype = dtype
        names = (1, 2, 3) if isinstance(block, Bottleneck) else (1, 2)
        layers = [(getattr(block, f"conv{i}"), getattr(block, f"bn{i}")) for i in names]
        self._convs = [FusedConv.of(*layer, slope=0.0, dtype=dtype) for layer in layers[:-1]]
        slope = 0.0 if dtype == torch.float32 else None
        self._last = FusedConv.of(*layers[-1], slope=slope, dtype=dtype)
        self._shortcut = None if block.downsample is None else FusedConv.of(*block.downsample, dtype=dtype)

    def __call__(self, x: Tensor) -> Tensor:
        """Apply the block to `x`, which may be overwritten where the shortcut has no convolution."""
        y = given = x.to(self._dtype)
        for conv in self._convs:
            y = conv(y)
        around = x if self._shortcut is None else self._shortcut(given).float()
        if self._dtype == torch.float32:
            return self._last(y, around)
        return torch.relu_(around.add_(self._last(y)))


class FastLite:
    """`EfficientnetLite` with batch norms folded and sums inside convolutions.

    Always in float32: with 8 bits of mantissa its filters of single channels change depth by up to 7 %, and they are
    bound by memory that fits the cache, so there is little to win.
    """

    def __init__(self, encoder: Any, _dtype: torch.dtype) -> None:
        weight, bias = folded_same(*encoder.stem)
        self._stem = strided(weight / efficientnet_lite.STD, bias, groups=1)
        self._blocks = [FastInverted(block) for block in encoder.blocks]

    def __call__(self, image: Tensor) -> list[Tensor]:
        check_image(image)
        x = self._stem(centred(image, efficientnet_lite.MEAN))
        features: list[Tensor] = []
        for block in self._blocks:
            y = block(x)
            if y.shape[-1] != x.shape[-1]:
                features.append(x)
            x = y
        return [*features, x]


class FastInverted:
    """`InvertedResidual` as three convolutions."""

    def __init__(self, block: Any) -> None:
        widen = block.expand
        self._expand = None if widen is None else FusedConv.of(*widen, ceiling=efficientnet_lite.CEILING)
        conv = block.depthwise[0]
        if conv.stride[0] == 1:
            self._depthwise = FusedConv.of(*block.depthwise, ceiling=efficientnet_lite.CEILING)
        else:
            self._depthwise = strided(*folded_same(*block.depthwise), groups=conv.groups)
        self._project = FusedConv.of(*block.project)
        self._has_skip = block.has_skip

    def __call__(self, x: Tensor) -> Tensor:
        wide = x if self._expand is None else self._expand(x)
        return self._project(self._depthwise(wide), x if self._has_skip else None)


def folded_same(conv: Any, norm: Any) -> tuple[Tensor, Tensor | None]:
    """`folded`, for a `SameConv`: a row and a column of zeros make its uneven padding an even one."""
    weight, bias = folded(conv, norm)
    return F.pad(weight, (1, 0, 1, 0)), bias


def strided(weight: Tensor, bias: Tensor | None, groups: int) -> FusedConv:
    """A convolution of stride 2 of a `folded_same` kernel, with ReLU6."""
    half = (weight.shape[2] - 1) // 2
    return FusedConv(
        weight, bias, stride=(2, 2), padding=(half, half), groups=groups, ceiling=efficientnet_lite.CEILING
    )


FORMS: dict[type[nn.Module], Callable[[Any, torch.dtype], FastEncoder]] = {
    ResnetEncoder: FastResnet,
    EfficientnetLite: FastLite,
}
