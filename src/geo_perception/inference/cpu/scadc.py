# SPDX-License-Identifier: Apache-2.0
"""SCADC for inference: same result, evaluated in strips of rows that stay in the processor's cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from geo_perception.inference.cpu.fused_conv import FusedConv, FusedDeconv
from geo_perception.inference.cpu.scadc_confidence import FastConfidence
from geo_perception.inference.cpu.tiling import Buffers, strip_size, strips
from geo_perception.networks.scadc import ScadcOutput, check_inputs

STRIP_PIXELS = 96 << 10  # a few 32-channel strips of this size fit the last-level cache


class FastScadc(nn.Module):
    """The forward pass of `Scadc` with the same signature. Not for concurrent calls: it reuses its buffers."""

    def __init__(self, network: Any, dtype: torch.dtype) -> None:
        """From a `Scadc`; PyTorch's types of sub-modules are too loose to name it."""
        super().__init__()
        self.config = network.config
        self.dtype = dtype
        self._confidence = FastConfidence(network, dtype)
        self._stem1 = FusedConv.of(*network.conv1[0], slope=0.0)  # metres: kept in float32
        self._stem2 = FusedConv.of(*network.conv2[0], slope=0.0, dtype=dtype)
        self._hourglasses = [FastHourglass(hg, dtype) for hg in (network.hg_0, network.hg_1, network.hg_2)]
        self._heads = [
            RegressionHead(h, dtype) for h in (network.classif1, network.classif2, network.classif3)
        ]
        self._kept = Buffers(dtype, self._stem1.weight.device)

    def forward(
        self, stereo_depth_m: Tensor, lidar_depth_m: Tensor, sparse_depth_m: Tensor, mask: Tensor
    ) -> ScadcOutput:
        """As `Scadc.forward`."""
        check_inputs(stereo_depth_m, lidar_depth_m, sparse_depth_m, mask)
        weights = self.confidence(sparse_depth_m, mask)
        stereo = weights[:, 0:1] * (stereo_depth_m * self.config.stereo_scale)
        fused = stereo + weights[:, 1:2] * lidar_depth_m
        return ScadcOutput(self.refine(fused), weights[:, 1:2])

    def confidence(self, sparse_depth_m: Tensor, mask: Tensor) -> Tensor:
        """(B,2,H,W) weights of stereo and lidar."""
        return torch.softmax(self._confidence(sparse_depth_m, mask, strip_rows(mask)), dim=1)

    def refine(self, fused: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `Scadc.refine`: three stages of depth."""
        stem, half = self._stem(fused)
        pre1, post = self._hourglasses[0].middle(half)
        stage1, half = self._stage(0, post, stem)
        _, post = self._hourglasses[1].middle(half, presqu=pre1, postsqu=post)
        stage2, half = self._stage(1, post, stem)
        _, post = self._hourglasses[2].middle(half, presqu=pre1, postsqu=post)
        stage3, _ = self._stage(2, post, stem)
        stage2 = stage2 + stage1
        return stage1, stage2, stage3 + stage2

    def _stem(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """Full-resolution features, and the first layer of the first hourglass on them (half resolution)."""
        batch, _, height, width = fused.shape
        stem = self._kept.get("stem", (batch, 32, height, width))
        half = self._kept.get("half0", (batch, 64, height // 2, width // 2))
        for strip in strips(height, strip_rows(fused), halo=2):
            first = self._stem1(strip.read(fused).contiguous(memory_format=torch.channels_last))
            first = first.to(self.dtype)
            torch.add(strip.inner(self._stem2(first)), strip.inner(first), out=strip.part(stem))
            # The strided layer reads one row above its strip, which is there already; two keep it aligned.
            narrow = self._hourglasses[0].conv1(stem[:, :, strip.top : strip.end])
            strip.halved().part(half).copy_(strip.halved().inner(narrow))
        return stem, half

    def _stage(self, index: int, post: Tensor, stem: Tensor) -> tuple[Tensor, Tensor]:
        """Depth of one stage, and the first layer of the next hourglass, from `post` (half resolution)."""
        batch, _, height, width = stem.shape
        depth = torch.empty(batch, 1, height, width, device=stem.device)
        last = index + 1 == len(self._hourglasses)
        half = post if last else self._kept.get(f"half{index + 1}", tuple(post.shape))
        for strip in strips(height, strip_rows(stem), halo=2):
            # Row 2i+1 of the doubled map reads rows i and i+1.
            coarse = post[:, :, strip.top // 2 : min(strip.bottom // 2 + 1, height // 2)]
            features = self._hourglasses[index].conv6(coarse)[:, :, : strip.bottom - strip.top]
            features = features.add_(strip.read(stem))
            strip.part(depth).copy_(strip.inner(self._heads[index](features)))
            if not last:
                narrow = self._hourglasses[index + 1].conv1(features)
                strip.halved().part(half).copy_(strip.halved().inner(narrow))
        return depth, half


def strip_rows(x: Tensor) -> int:
    """Rows of a strip of a full-resolution map, a multiple of 4."""
    return strip_size(x, STRIP_PIXELS, multiple=4, least=16)


class FastHourglass:
    """Layers of a 2-D hourglass; the full-resolution ones at both ends are run in strips by the caller."""

    def __init__(self, hourglass: Any, dtype: torch.dtype) -> None:
        self.conv1 = FusedConv.of(*hourglass.conv1[0], slope=0.0, dtype=dtype)
        self.conv2 = FusedConv.of(*hourglass.conv2, slope=0.0, dtype=dtype)
        self.conv3 = FusedConv.of(*hourglass.conv3[0], slope=0.0, dtype=dtype)
        self.conv4 = FusedConv.of(*hourglass.conv4[0], slope=0.0, dtype=dtype)
        self.conv5 = FusedDeconv(*hourglass.conv5, slope=0.0, dtype=dtype)
        self.conv6 = FusedDeconv(*hourglass.conv6, dtype=dtype)

    def middle(
        self, half: Tensor, presqu: Tensor | None = None, postsqu: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute pre and post (half resolution) from the output of `conv1`."""
        pre = self.conv2(half, postsqu)
        post = self.conv5(self.conv4(self.conv3(pre)), pre if presqu is None else presqu)
        return pre, post


class RegressionHead:
    """3x3 convolution, then the three 1x1 convolutions as the one affine map they are."""

    def __init__(self, head: Any, dtype: torch.dtype) -> None:
        self.conv = FusedConv.of(*head[0], slope=0.0, dtype=dtype)
        weight, bias = torch.eye(32, dtype=torch.float64), torch.zeros(32, dtype=torch.float64)
        for layer in (head[2], head[3], head[4]):
            matrix = layer.weight.detach().double().cpu().flatten(1)
            weight, bias = matrix @ weight, matrix @ bias + layer.bias.detach().double().cpu()
        device = head[4].weight.device
        self.weight, self.bias = weight[0].float().to(device), bias.float().to(device)

    def __call__(self, features: Tensor) -> Tensor:
        """(B,32,h,w) -> (B,1,h,w) float32."""
        channels_last = self.conv(features).permute(0, 2, 3, 1).float()
        return (channels_last @ self.weight + self.bias)[:, None]
