# SPDX-License-Identifier: Apache-2.0
"""SCADC's confidence branch for inference.

Three of its four convolutions have one or two channels on one side and are bound by memory. They become matrix products
with the nine taps as rows or columns; masks are multiplied where the fewest numbers pass; rows that no return reaches
are not computed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from geo_perception.inference.cpu.fused_conv import FusedConv
from geo_perception.inference.cpu.tiling import strips
from geo_perception.networks.scadc import LEAKY_SLOPE

REACH = 4  # pixels: four 3x3 blocks
SLOPES = {"relu": 0.0, "leaky_relu": LEAKY_SLOPE, "none": None}
TAPS = tuple((dy, dx) for dy in range(3) for dx in range(3))


class FastConfidence:
    """(sparse depth, mask), both (B,1,H,W) -> scores (B,2,H,W) float32 before the softmax."""

    def __init__(self, network: Any, dtype: torch.dtype) -> None:
        first, second, third, last = (block.sparse_conv for block in (*network.sa1, *network.sa2))
        self._dtype = dtype
        # A tenth tap carries the bias, times the mask of the next block: outside it all ten are zero already.
        taps = torch.cat((first.conv.weight.flatten(1), first.bias[:, None]), dim=1)
        self._first = FusedConv(
            taps[:, :, None, None], None, stride=(1, 1), padding=(0, 0), slope=0.0, dtype=dtype
        )
        self._second = FusedConv(
            second.conv.weight, second.bias, stride=(1, 1), padding=(1, 1), slope=0.0, dtype=dtype
        )
        # (taps * outputs, channels): one product for all taps, then shifted sums of two channels.
        self._third = third.conv.weight.detach().permute(2, 3, 0, 1).flatten(0, 2).to(dtype).contiguous()
        self._third_bias = third.bias.detach()
        self._last_weight, self._last_bias = last.conv.weight.detach(), last.bias.detach()
        self._slope = SLOPES[network.config.confidence_activation]

    def __call__(self, sparse_depth_m: Tensor, mask: Tensor, strip_rows: int) -> Tensor:
        batch, _, height, width = mask.shape
        scores = self._last_bias.repeat(batch, 1)[:, :, None, None].expand(batch, 2, height, width)
        scores = _activated(scores, self._slope).contiguous()  # what the last block says where it sees zeros
        returns = (mask != 0).any(3).any(1).any(0).tolist()  # rows with a return
        for strip in strips(height, strip_rows, halo=REACH):
            if any(returns[strip.top : strip.bottom]):
                part = self._scores(strip.read(sparse_depth_m), strip.read(mask))
                strip.part(scores).copy_(strip.inner(part))
        return scores

    def _scores(self, sparse_depth_m: Tensor, mask1: Tensor) -> Tensor:
        mask2 = _grown(mask1)
        mask3 = _grown(mask2)
        mask4 = _grown(mask3)
        x = self._second(self._first(self._gather(sparse_depth_m * mask1, mask2)))
        x = self._scatter(x, mask3)
        x = _activated(x + self._third_bias[:, None, None], self._slope) * mask4
        x = F.conv2d(x, self._last_weight, self._last_bias, padding=1)
        return _activated(x, self._slope)

    def _gather(self, x: Tensor, bias: Tensor) -> Tensor:
        """(B,10,h,w), channels last: the nine neighbours of each pixel, and `bias`."""
        batch, _, height, width = x.shape
        padded = F.pad(x[:, 0], (1, 1, 1, 1))
        columns = torch.empty(batch, height, width, 10, dtype=self._dtype, device=x.device)
        for i, (dy, dx) in enumerate(TAPS):
            columns[..., i] = padded[:, dy : dy + height, dx : dx + width]
        columns[..., 9] = bias[:, 0]
        return columns.permute(0, 3, 1, 2)

    def _scatter(self, x: Tensor, mask: Tensor) -> Tensor:
        """3x3 convolution of x (B,64,h,w) times mask (B,1,h,w) to (B,2,h,w) float32, without the bias."""
        batch, channels, height, width = x.shape
        # One product for the whole batch: the batched one would copy its transposed operand first.
        pixels = x.permute(0, 2, 3, 1).reshape(-1, channels)
        products = torch.mm(self._third, pixels.t()).float()
        products = products.view(len(TAPS), 2, batch, height, width).mul_(mask[:, 0])
        out = torch.zeros(2, batch, height, width, device=x.device)
        for i, (dy, dx) in enumerate(TAPS):
            (to_y, from_y), (to_x, from_x) = _shifted(dy - 1, height), _shifted(dx - 1, width)
            out[..., to_y, to_x] += products[i, ..., from_y, from_x]
        return out.transpose(0, 1)


def _grown(mask: Tensor) -> Tensor:
    """Maximum over 3x3 pixels, as two maxima over three; the pooling operator also finds indices, at a price."""
    wide = mask.clone()
    for y, shifted in ((wide[..., 1:], mask[..., :-1]), (wide[..., :-1], mask[..., 1:])):
        torch.maximum(y, shifted, out=y)
    tall = wide.clone()
    for y, shifted in ((tall[:, :, 1:], wide[:, :, :-1]), (tall[:, :, :-1], wide[:, :, 1:])):
        torch.maximum(y, shifted, out=y)
    return tall


def _shifted(offset: int, size: int) -> tuple[slice, slice]:
    """Return the slices that a shift by `offset` writes to and reads from, inside [0, size)."""
    to, source = max(-offset, 0), max(offset, 0)
    count = size - abs(offset)
    return slice(to, to + count), slice(source, source + count)


def _activated(x: Tensor, slope: float | None) -> Tensor:
    if slope is None:
        return x
    return F.relu(x) if slope == 0 else F.leaky_relu(x, slope)
