# SPDX-License-Identifier: Apache-2.0
"""PSMNet for inference: both images in one batch, no cost volume, 3-D layers in slabs of disparity planes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geo_perception.inference.cpu.fused_conv import FusedConv
from geo_perception.inference.cpu.psmnet_volume import (
    CostHead,
    FirstMatch,
    convolve_slab,
    expected_disparity,
    slabs,
)
from geo_perception.inference.cpu.tiling import Buffers
from geo_perception.inference.cpu.transposed_conv3d import Doubling3d
from geo_perception.networks.psmnet import check_inputs, pad


class FastPsmnet(nn.Module):
    """The forward pass of `Psmnet` in eval mode, with the same signature. Not for concurrent calls."""

    def __init__(self, network: Any, dtype: torch.dtype) -> None:
        """From a `Psmnet`; PyTorch's types of sub-modules are too loose to name it."""
        super().__init__()
        self.config = network.config
        self.dtype = dtype
        self._features = FastFeatures(network.feature_extraction, dtype)
        self._first = FirstMatch(network.dres0[0], dtype)
        self._second = FusedConv.of(*network.dres0[2], slope=0.0, dtype=dtype)
        blocks = [network.dres1]
        if network.config.variant == "basic":
            blocks += [network.dres2, network.dres3, network.dres4]
            self._heads = [CostHead(network.classify, dtype)]
            self._hourglasses: list[FastHourglass3d] = []
        else:
            stacked = [network.dres2, network.dres3, network.dres4]
            self._hourglasses = [FastHourglass3d(hourglass, dtype) for hourglass in stacked]
            heads = [network.classif1, network.classif2, network.classif3]
            self._heads = [CostHead(head, dtype) for head in heads]
        self._pairs = [
            (FusedConv.of(*pair[0], slope=0.0, dtype=dtype), FusedConv.of(*pair[2], dtype=dtype))
            for pair in blocks
        ]
        self._kept = Buffers(dtype, self._second.weight.device)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """As `Psmnet.forward`."""
        check_inputs(left, right)
        return torch.stack([self._one(left[i : i + 1], right[i : i + 1]) for i in range(left.shape[0])])

    def _one(self, left: Tensor, right: Tensor) -> Tensor:
        height, width = left.shape[2:]
        left, right = pad(left), pad(right)
        images = torch.cat((left, right)).to(self.dtype).contiguous(memory_format=torch.channels_last)
        cost = self._cost(self._features(images))
        size = (left.shape[2], left.shape[3])
        disparity = expected_disparity(cost, self.config.maxdisp, size, self.config.align_corners)
        return disparity[size[0] - height :, :width]

    def _cost(self, features: Tensor) -> Tensor:
        """Scores (D/4,h,w) of the last head from the features (2,32,h,w) of both images."""
        volume = self._match(features)
        for i, pair in enumerate(self._pairs):
            self._residual(pair, volume, self._kept.get(f"between{i % 2}", tuple(volume.shape)))
        if not self._hourglasses:
            return self._heads[0](volume)
        pre1 = post = None
        cost: Tensor | None = None
        x = volume
        for hourglass, head in zip(self._hourglasses, self._heads, strict=True):
            pre, post = hourglass.middle(x, pre1, post)
            pre1 = pre if pre1 is None else pre1  # the third takes the skip of the first, not of the second
            x = hourglass.widen(post, volume, self._kept.get("stage", tuple(volume.shape)))
            cost = head(x) if cost is None else cost + head(x)
        assert cost is not None
        return cost

    def _match(self, features: Tensor) -> Tensor:
        """dres0 of the volume, (1,32,D/4,h,w)."""
        count = self.config.maxdisp // 4
        height, width = features.shape[2:]
        prepared = self._first.prepare(features[:1], features[1:], count)
        volume = self._kept.get("volume", (1, 32, count, height, width))
        for slab in slabs(volume):
            planes = prepared.planes(slab.top, slab.bottom)
            slab.part(volume).copy_(slab.inner(self._second(planes)))
        return volume

    def _residual(self, pair: tuple[FusedConv, FusedConv], volume: Tensor, between: Tensor) -> None:
        """Compute `volume` <- pair(volume) + volume, in place."""
        first, second = pair
        for slab in slabs(volume):
            slab.part(between).copy_(convolve_slab(first, volume, slab))
        for slab in slabs(volume):
            slab.part(volume).add_(convolve_slab(second, between, slab))


class FastHourglass3d:
    """A 3-D hourglass; its layers at full size work in slabs."""

    def __init__(self, hourglass: Any, dtype: torch.dtype) -> None:
        self._conv1 = FusedConv.of(*hourglass.conv1[0], slope=0.0, dtype=dtype)
        self._conv2 = FusedConv.of(*hourglass.conv2, slope=0.0, dtype=dtype)
        self._conv3 = FusedConv.of(*hourglass.conv3[0], slope=0.0, dtype=dtype)
        self._conv4 = FusedConv.of(*hourglass.conv4[0], slope=0.0, dtype=dtype)
        self._conv5 = Doubling3d(*hourglass.conv5, slope=0.0, dtype=dtype)
        self._conv6 = Doubling3d(*hourglass.conv6, dtype=dtype)

    def middle(self, x: Tensor, presqu: Tensor | None, postsqu: Tensor | None) -> tuple[Tensor, Tensor]:
        """Compute pre and post at half size from x (1,32,D,h,w)."""
        pre = self._conv2(self._conv1(x), postsqu)
        skip = pre if presqu is None else presqu
        post = self._conv5(self._conv4(self._conv3(pre)), skip, torch.empty_like(pre))
        return pre, post

    def widen(self, post: Tensor, residual: Tensor, out: Tensor) -> Tensor:
        """The last layer, plus `residual`, into `out`."""
        return self._conv6(post, residual, out)


class FastFeatures:
    """The feature extractor on a batch of images."""

    def __init__(self, network: Any, dtype: torch.dtype) -> None:
        first = network.firstconv
        self._align_corners = network.align_corners
        self._stem = [FusedConv.of(*first[i], slope=0.0, dtype=dtype) for i in (0, 2, 4)]
        shallow = (*network.layer1, *network.layer2)
        self._shallow = [FastPsmnetBlock(block, dtype) for block in shallow]
        self._deep = [FastPsmnetBlock(block, dtype) for block in (*network.layer3, *network.layer4)]
        branches = (network.branch4, network.branch3, network.branch2, network.branch1)
        self._branches = [
            (branch[0], FusedConv.of(*branch[1], slope=0.0, dtype=dtype)) for branch in branches
        ]
        self._join = FusedConv.of(*network.lastconv[0], slope=0.0, dtype=dtype)
        self._last = FusedConv.of(network.lastconv[2], dtype=dtype)

    def __call__(self, images: Tensor) -> Tensor:
        """(B,3,H,W) -> (B,32,H/4,W/4)."""
        x = images
        for layer in self._stem:
            x = layer(x)
        for block in self._shallow:
            x = block(x)
        deep = x
        for block in self._deep:
            deep = block(deep)
        parts = [x, deep]
        for pool, conv in self._branches:
            pooled = conv(pool(deep))
            parts.append(
                F.interpolate(pooled, deep.shape[2:], mode="bilinear", align_corners=self._align_corners)
            )
        return self._last(self._join(torch.cat(parts, 1)))


class FastPsmnetBlock:
    """Residual block with the sum inside the second convolution."""

    def __init__(self, block: Any, dtype: torch.dtype) -> None:
        self._conv1 = FusedConv.of(*block.conv1[0], slope=0.0, dtype=dtype)
        self._conv2 = FusedConv.of(*block.conv2, dtype=dtype)
        self._shortcut = None if block.downsample is None else FusedConv.of(*block.downsample, dtype=dtype)

    def __call__(self, x: Tensor) -> Tensor:
        return self._conv2(self._conv1(x), x if self._shortcut is None else self._shortcut(x))
