# SPDX-License-Identifier: Apache-2.0
"""SSDC for inference: fused layers, and strips of rows wherever it works at full resolution."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from geo_perception.inference.cpu.fused_conv import FusedConv, FusedDeconv, folded
from geo_perception.inference.cpu.tiling import Buffers, strip_size, strips
from geo_perception.networks.ssdc import SCALE_M, SLOPE, check_inputs, floor_depth

STRIP_PIXELS = 96 << 10  # a few 64-channel strips of this size fit the last-level cache


class FastSsdc(nn.Module):
    """The forward pass of `Ssdc` in eval mode, with the same signature. Not for concurrent calls."""

    def __init__(self, network: Any, dtype: torch.dtype) -> None:
        """From an `Ssdc`; PyTorch's types of sub-modules are too loose to name it."""
        super().__init__()
        self.config = network.config
        self.dtype = dtype
        self._first = _stem(network, dtype)
        self._full = [FastSsdcBlock(block, dtype) for block in network.conv2]
        coarse = (network.conv3, network.conv4, network.conv5)
        self._coarse = [[FastSsdcBlock(block, dtype) for block in stage] for stage in coarse]
        self._deepest = _layer(network.conv6, dtype)
        decoders = (network.convt5, network.convt4, network.convt3, network.convt2)
        self._decoders = [FusedDeconv(*layer[:2], slope=SLOPE, dtype=dtype) for layer in decoders]
        self._finest = Finest(network, dtype)
        self._kept = Buffers(dtype, self._deepest.weight.device)

    def forward(self, sparse_depth_m: Tensor | None, image: Tensor | None = None) -> Tensor:
        """As `Ssdc.forward` in eval mode."""
        check_inputs(self.config, sparse_depth_m, image)
        stem = self._stem(sparse_depth_m, image)
        skips = [self._full_resolution(stem)]
        for blocks in self._coarse:
            x = skips[-1]
            for block in blocks:
                x = block(x)
            skips.append(x)
        x = self._decoders[0](self._deepest(skips[-1]))
        for decoder in self._decoders[1:]:
            x = decoder(torch.cat((x, skips.pop()), 1))
        return floor_depth(SCALE_M * self._finest(x, skips.pop(), stem))

    def _stem(self, sparse_depth_m: Tensor | None, image: Tensor | None) -> Tensor:
        given = [values.to(self.dtype) for values in (sparse_depth_m, image) if values is not None]
        return self._first(torch.cat(given, 1).contiguous(memory_format=torch.channels_last))

    def _full_resolution(self, x: Tensor) -> Tensor:
        """The first stage of residual blocks, strip by strip, from one kept map into the other."""
        for i, block in enumerate(self._full):
            out = self._kept.get(f"full{i % 2}", tuple(x.shape))
            for strip in strips(x.shape[2], strip_rows(x), halo=2):  # two 3x3 convolutions
                strip.part(out).copy_(strip.inner(block(strip.read(x))))
            x = out
        return x


class FastSsdcBlock:
    """Residual block with the sum and its ReLU inside the second convolution."""

    def __init__(self, block: Any, dtype: torch.dtype) -> None:
        self._conv1 = FusedConv.of(block.conv1, block.bn1, slope=0.0, dtype=dtype)
        self._conv2 = FusedConv.of(block.conv2, block.bn2, slope=0.0, dtype=dtype)
        self._shortcut = None if block.downsample is None else FusedConv.of(*block.downsample, dtype=dtype)

    def __call__(self, x: Tensor) -> Tensor:
        return self._conv2(self._conv1(x), x if self._shortcut is None else self._shortcut(x))


class Finest:
    """The last two layers, strip by strip: [decoder, encoder] -> 64 channels, and with the stem to the depth."""

    def __init__(self, network: Any, dtype: torch.dtype) -> None:
        weight, bias = folded(network.convt1[0], network.convt1[1])
        # A transposed convolution of stride 1 is a convolution with the kernel turned by 180 degrees.
        weight = weight.transpose(0, 1).flip(2, 3)
        self._conv = FusedConv(weight, bias, stride=(1, 1), padding=(1, 1), slope=SLOPE, dtype=dtype)
        last = network.convtf[0]
        vector = last.weight.detach()[0, :, 0, 0]
        self._decoded, self._stem = vector[: weight.shape[0]], vector[weight.shape[0] :]
        self._bias = last.bias.detach()

    def __call__(self, decoder: Tensor, encoder: Tensor, stem: Tensor) -> Tensor:
        """(B,64,H,W) each -> (B,1,H,W) float32."""
        batch, _, height, width = stem.shape
        out = torch.empty(batch, 1, height, width, device=stem.device)
        for strip in strips(height, strip_rows(stem), halo=1):
            joined = torch.cat((strip.read(decoder), strip.read(encoder)), 1)
            decoded = strip.inner(self._conv(joined))
            total = _dot(decoded, self._decoded) + _dot(strip.part(stem), self._stem)
            strip.part(out)[:, 0] = total + self._bias
        return out


def _dot(x: Tensor, vector: Tensor) -> Tensor:
    """(B,C,h,w) channels last and (C,) -> (B,h,w) in float32: the result counts hundreds of metres."""
    pixels = x.permute(0, 2, 3, 1).float()
    return torch.mv(pixels.reshape(-1, len(vector)), vector).view(pixels.shape[:3])


def _layer(layer: nn.Sequential, dtype: torch.dtype) -> FusedConv:
    return FusedConv.of(layer[0], layer[1], slope=SLOPE, dtype=dtype)


def _stem(network: Any, dtype: torch.dtype) -> FusedConv:
    """The layers of depth and image as one: narrow layers are bound by memory, so its zeros cost less than a join."""
    layers = [network.conv1_d] if network.config.uses_depth else []
    layers += [network.conv1_img] if network.config.image_channels else []
    parts = [folded(layer[0], layer[1]) for layer in layers]
    weight = parts[0][0].new_zeros(
        sum(w.shape[0] for w, _ in parts), sum(w.shape[1] for w, _ in parts), *parts[0][0].shape[2:]
    )
    output = channel = 0
    for part, _ in parts:
        weight[output : output + part.shape[0], channel : channel + part.shape[1]] = part
        output, channel = output + part.shape[0], channel + part.shape[1]
    bias = torch.cat([bias for _, bias in parts if bias is not None])
    return FusedConv(weight, bias, stride=(1, 1), padding=(1, 1), slope=SLOPE, dtype=dtype)


def strip_rows(x: Tensor) -> int:
    """Rows of a strip of a full-resolution map."""
    return strip_size(x, STRIP_PIXELS, multiple=1, least=8)
