# SPDX-License-Identifier: Apache-2.0
"""SCADC-guided for inference: the pixel shuffles become views and joins of an upsampled map one sum of two layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geo_perception.inference.cpu.fused_conv import FusedConv, folded
from geo_perception.networks.scadc_guided import UNIT_M, ScadcGuidedOutput, check_features, within_reach


class FastScadcGuided(nn.Module):
    """The forward pass of `ScadcGuided` in eval mode, with the same signature."""

    def __init__(self, network: Any, dtype: torch.dtype) -> None:
        """From a `ScadcGuided`; PyTorch's types of sub-modules are too loose to name it."""
        super().__init__()
        self.config = network.config
        self.dtype = dtype
        self._enter = Unshuffled(network.level2.enter[0], dtype)
        self._refine = FusedConv.of(*network.level2.refine[0], slope=0.0, dtype=dtype)
        levels = (network.level4, network.level8, network.level16)
        self._levels = [
            [FusedConv.of(*layer[0], slope=0.0, dtype=dtype) for layer in (level.enter, level.refine)]
            for level in levels
        ]
        self._merges = [FastMerge(merge, dtype) for merge in (network.merge8, network.merge4, network.merge2)]
        self._head = FusedConv.of(network.head, dtype=dtype)
        skip = network.skip
        # What a single pixel tells stays in float32: it is one product, bound by reading the features.
        self._skip_weight, self._skip_bias = (
            skip.weight.detach().flatten(1).float(),
            skip.bias.detach().float(),
        )

    def forward(self, features: Tensor) -> ScadcGuidedOutput:
        """As `ScadcGuided.forward`."""
        check_features(features)
        features = features.float()
        scores = self.scores(features)
        confidence = torch.sigmoid(scores[:, 0:1]) * within_reach(features, self.config.reach_px)
        blend = torch.lerp(features[:, 0:1], features[:, 1:2], confidence)
        blend_m = torch.exp(blend).mul_(UNIT_M)
        if not self.config.residual:
            return ScadcGuidedOutput(blend_m, confidence, blend_m)
        return ScadcGuidedOutput(UNIT_M * torch.exp(blend + scores[:, 1:2]), confidence, blend_m)

    def scores(self, features: Tensor) -> Tensor:
        """As `ScadcGuided.scores`, in float32."""
        maps = [self._refine(self._enter(features))]
        for enter, refine in self._levels:
            maps.append(refine(enter(maps[-1])))
        x = maps.pop()
        for merge in self._merges:
            x = merge(x, maps.pop())
        single = torch.matmul(self._skip_weight, features.flatten(2)) + self._skip_bias[:, None]
        single = single.view(-1, self._skip_bias.numel(), *features.shape[2:])
        return F.pixel_shuffle(self._head(x).float(), 2).add_(single)


class Unshuffled:
    """PixelUnshuffle(2), 3x3 convolution, batch norm and ReLU, without moving a pixel.

    In a channels-last map two neighbours of a row are one pixel of twice the channels. What remains of the unshuffle
    is a kernel of six rows with a stride of two.
    """

    def __init__(self, layer: Any, dtype: torch.dtype) -> None:
        weight, bias = folded(*layer)
        outputs, _, rows, columns = weight.shape
        parted = weight.detach().reshape(
            outputs, -1, 2, 2, rows, columns
        )  # outputs, channel, dy, dx, row, column
        weight = parted.permute(0, 3, 1, 4, 2, 5).reshape(outputs, -1, 2 * rows, columns)
        self._conv = FusedConv(weight, bias, stride=(2, 1), padding=(2, 1), slope=0.0, dtype=dtype)

    def __call__(self, x: Tensor) -> Tensor:
        """(B,C,H,W) -> (B,O,H/2,W/2)."""
        batch, channels, height, width = x.shape
        pixels = x.permute(0, 2, 3, 1).to(self._conv.dtype, memory_format=torch.contiguous_format)
        pairs = pixels.reshape(batch, height, width // 2, 2 * channels)
        return self._conv(pairs.permute(0, 3, 1, 2))


class FastMerge:
    """Nearest doubling and 3x3 convolution are one transposed 4x4 convolution of stride two: four taps, not nine."""

    def __init__(self, merge: Any, dtype: torch.dtype) -> None:
        self._narrow = FusedConv.of(*merge.narrow[0], slope=0.0, dtype=dtype)
        weight, bias = folded(*merge.join[0])
        coarse, fine = weight.detach().chunk(2, 1)
        self._fine = FusedConv(fine, bias, stride=(1, 1), padding=(1, 1), slope=0.0, dtype=dtype)
        self._coarse = doubling_kernel(coarse).to(dtype).contiguous(memory_format=torch.channels_last)

    def __call__(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """As `Merge.forward`."""
        wide = F.conv_transpose2d(self._narrow(coarse), self._coarse, stride=2, padding=1)
        return self._fine(fine, wide)


def doubling_kernel(weight: Tensor) -> Tensor:
    """(C,O,4,4) transposed kernel of stride 2, padding 1 that equals nearest doubling, then `weight` (O,C,3,3).

    An even row of the result sees the row above once and its own twice, an odd one its own twice and the next once.
    """
    taps = weight.new_tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
    return torch.einsum("ay,ocyx,bx->coab", taps, weight, taps)
