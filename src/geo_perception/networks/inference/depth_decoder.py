# SPDX-License-Identifier: Apache-2.0
"""The depth decoder for inference: one image at a time, from one kept map into the next, and the finest output only.

A batch of images would leave the cache between any two steps. Activations and upsampled maps are written where the
next convolution reads them, inside a map with a border that is then mirrored; nothing is padded or joined by a copy of
the whole map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from geo_perception.networks.depth_decoder import LEVELS, check_features
from geo_perception.networks.inference.convolution import FusedConv
from geo_perception.networks.inference.strips import Buffers

FLOAT_LEVELS = 2  # the finest: what few channels lose to rounding is lost to depth, and they cost little
TAPS = tuple((dy, dx) for dy in range(3) for dx in range(3))


class FastDecoder:
    """`DepthDecoder` with the output of scale 0 only. Not for concurrent calls: it reuses its buffers."""

    def __init__(self, decoder: Any, dtype: torch.dtype) -> None:
        """From a `DepthDecoder` that has scale 0."""
        self._config = decoder.config
        types = [dtype] * (LEVELS - FLOAT_LEVELS) + [torch.float32] * FLOAT_LEVELS
        layers = decoder.decoder[: 2 * LEVELS]
        self._convs = [FusedConv.of(layer.conv.conv, dtype=types[i // 2]) for i, layer in enumerate(layers)]
        self._head = Head(decoder.decoder[2 * LEVELS + self._config.scales.index(0)].conv)
        self._kept = Maps(layers[0].conv.conv.weight.device)
        self._double = double_nearest if self._config.upsampling == "nearest" else double_bilinear

    def __call__(self, features: Sequence[Tensor]) -> Tensor:
        """(B,1,H,W) float32 in 0..1 of five maps as `DepthDecoder.forward` takes them."""
        check_features(self._config, features)
        if features[0].device.type != "cpu":
            return torch.sigmoid(self._logit(features))
        images = [[feature[index : index + 1] for feature in features] for index in range(len(features[0]))]
        return torch.sigmoid(torch.cat([self._logit(image) for image in images]))

    def _logit(self, features: Sequence[Tensor]) -> Tensor:
        """(B,1,H,W) of the maps of the images that are decoded together."""
        x = features[-1]
        for step in range(LEVELS):
            narrow, mix = self._convs[2 * step : 2 * step + 2]
            coarse = F.elu_(narrow(self._bordered(f"narrow{step}", x, narrow.dtype)))
            skip = features[-2 - step] if step + 1 < LEVELS else None
            x = F.elu_(mix(self._joined(f"mix{step}", coarse, skip, mix.dtype)))
        return self._head(self._bordered("head", x, torch.float32))

    def _bordered(self, name: str, x: Tensor, dtype: torch.dtype) -> Tensor:
        """x with a mirrored border."""
        out = self._kept.get(name, x.shape[:2], x.shape[2:], dtype)
        inside(out).copy_(x)
        return mirror_(out)

    def _joined(self, name: str, coarse: Tensor, skip: Tensor | None, dtype: torch.dtype) -> Tensor:
        """[doubled map, encoder's map] with a mirrored border."""
        batch, channels, height, width = coarse.shape
        more = 0 if skip is None else skip.shape[1]
        out = self._kept.get(name, (batch, channels + more), (2 * height, 2 * width), dtype)
        self._double(coarse, inside(out)[:, :channels])
        if skip is not None:
            inside(out)[:, channels:].copy_(skip)
        return mirror_(out)


class Head:
    """3x3 convolution to one channel, as one product for all taps and shifted sums.

    Convolutions compute 16 channels at a time, of which 15 would be thrown away.
    """

    def __init__(self, conv: Any) -> None:
        weight = conv.weight.detach().float()
        self._taps = weight[0].permute(1, 2, 0).reshape(len(TAPS), -1).contiguous()
        self._bias = float(conv.bias)

    def __call__(self, x: Tensor) -> Tensor:
        """(B,C,H+2,W+2) float32, channels last -> (B,1,H,W)."""
        batch, channels, rows, columns = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(-1, channels)
        products = torch.mm(self._taps, pixels.t()).view(len(TAPS), batch, rows, columns)
        out = torch.full((batch, rows - 2, columns - 2), self._bias, device=x.device)
        for product, (dy, dx) in zip(products, TAPS, strict=True):
            out += product[:, dy : dy + rows - 2, dx : dx + columns - 2]
        return out[:, None]


class Maps:
    """Bordered maps kept between calls, each of the type it was asked for."""

    def __init__(self, device: torch.device) -> None:
        self._by_type = {dtype: Buffers(dtype, device) for dtype in (torch.float32, torch.bfloat16)}

    def get(self, name: str, batch: Sequence[int], size: Sequence[int], dtype: torch.dtype) -> Tensor:
        """(B,C,H+2,W+2), channels last; batch: B and C, size: H and W."""
        return self._by_type[dtype].get(name, (*batch, size[0] + 2, size[1] + 2))


def inside(x: Tensor) -> Tensor:
    """A bordered map without its border."""
    return x[:, :, 1:-1, 1:-1]


def mirror_(x: Tensor) -> Tensor:
    """Fill the border of one pixel with what lies on the other side of the outermost pixels."""
    x[:, :, 0], x[:, :, -1] = x[:, :, 2], x[:, :, -3]
    x[..., 0], x[..., -1] = x[..., 2], x[..., -3]
    return x


def double_bilinear(x: Tensor, out: Tensor) -> None:
    """Double height and width as `interpolate` with align_corners=False does, into `out`, rows first."""
    batch, channels, height, width = x.shape
    tall = torch.empty(
        (batch, channels, 2 * height, width),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last,
    )
    _double_along(x, tall, 2)
    _double_along(tall, out, 3)


def _double_along(x: Tensor, out: Tensor, dim: int) -> None:
    """Values at a quarter and three quarters between neighbours; the outermost are those of the border."""
    source, target = x.movedim(dim, 0), out.movedim(dim, 0)
    torch.lerp(source[1:], source[:-1], 0.25, out=target[2::2])
    torch.lerp(source[:-1], source[1:], 0.25, out=target[1:-1:2])
    target[0], target[-1] = source[0], source[-1]


def double_nearest(x: Tensor, out: Tensor) -> None:
    """Repeat every pixel twice in both directions, into `out`."""
    for dy in range(2):
        for dx in range(2):
            out[:, :, dy::2, dx::2] = x
