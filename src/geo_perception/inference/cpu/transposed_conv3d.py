# SPDX-License-Identifier: Apache-2.0
"""Transposed 3-D convolutions that double every size, for inference.

oneDNN's 3-D form runs at a fourth of the speed of its 2-D form, so the planes are made by 2-D ones: plane 2i of the
result sees the middle plane of the kernel on plane i, plane 2i+1 the other two on planes i+1 and i.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geo_perception.inference.cpu.fused_conv import activate_, folded
from geo_perception.inference.cpu.tiling import strip_size, strips

PLANE_PIXELS = 16 << 10  # of the planes of the input that are widened at once


class Doubling3d:
    """3x3x3 transposed convolution of stride 2 with folded batch norm, plus a skip, then an activation."""

    def __init__(
        self, conv: Any, norm: nn.Module | None, *, slope: float | None = None, dtype: torch.dtype
    ) -> None:
        """conv: a ConvTranspose3d with stride 2, padding 1 and output padding 1."""
        weight, bias = folded(conv, norm)
        weight = weight.detach().to(dtype)
        after, middle, before = weight.unbind(2)
        self._even = middle.contiguous(memory_format=torch.channels_last)
        self._odd = torch.cat((after, before)).contiguous(memory_format=torch.channels_last)
        self._bias = None if bias is None else bias.detach().to(dtype)
        self._slope = slope

    def __call__(self, x: Tensor, skip: Tensor, out: Tensor) -> Tensor:
        """Compute x (1,C,D,h,w) and skip (1,O,2D,2h,2w) -> out of the skip's shape; all channels last."""
        planes, onto, target = (volume[0].transpose(0, 1) for volume in (x, skip, out))
        for slab in strips(len(planes), strip_size(x, PLANE_PIXELS, multiple=1, least=1)):
            here = planes[slab.start : slab.end]
            following = planes[slab.start + 1 : slab.end + 1]
            if slab.end == len(planes):  # what follows the last plane is zero
                following = torch.cat((following, torch.zeros_like(planes[:1])))
            even, odd = (slice(2 * slab.start + i, 2 * slab.end, 2) for i in (0, 1))
            torch.add(self._widened(here, self._even), onto[even], out=target[even])
            both = torch.cat((following, here), 1)
            torch.add(self._widened(both, self._odd), onto[odd], out=target[odd])
        return activate_(out, self._slope)

    def _widened(self, planes: Tensor, weight: Tensor) -> Tensor:
        """(N,C,h,w) -> (N,O,2h,2w)."""
        return F.conv_transpose2d(planes, weight, self._bias, stride=2, padding=1, output_padding=1)
