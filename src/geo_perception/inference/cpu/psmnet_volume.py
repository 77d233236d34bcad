# SPDX-License-Identifier: Apache-2.0
"""PSMNet's cost volume for inference: never built, searched in slabs of disparity planes, read out in strips.

Volumes are channels-last (memory order: plane, row, column, channel), so a slab of planes is contiguous.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from geo_perception.inference.cpu.fused_conv import FusedConv, folded
from geo_perception.inference.cpu.tiling import Strip, strip_size, strips

SLAB_PIXELS = 160 << 10  # of one slab: a few 32-channel slabs of this size fit the last-level cache
STRIP_PIXELS = 16 << 10  # of one strip of the result: 192 disparities for each
TAPS = tuple((d, y, x) for d in range(3) for y in range(3) for x in range(3))
SHIFTS = (-2, -1, 0, 1, 2)  # column minus disparity, where the masked edge of the volume is met


class FirstMatch:
    """The first 3-D convolution on the volume of left features beside shifted right ones, without the volume.

    A plane d of the volume holds L[x] and R[x - d] for x >= d. Away from the edges, what the kernel takes from L
    depends on x only and what it gathers from R on x - d only: two 2-D convolutions serve all planes. Kernels with less
    taps cover the first and last plane, the last column, and the columns about x = d.
    """

    def __init__(self, layer: Any, dtype: torch.dtype) -> None:
        """layer: the convolution and its norm."""
        weight, bias = folded(*layer)
        assert bias is not None
        self._bias = bias.detach().to(dtype)
        left, right = weight.detach()[:, :32], weight.detach()[:, 32:]
        planes = {"first": (1, 2), "middle": (0, 1, 2), "last": (0, 1)}
        self._left = {name: _left_kernels(left, taps, dtype) for name, taps in planes.items()}
        self._right = {
            name: _right_kernels(right, bias.detach(), taps, dtype) for name, taps in planes.items()
        }

    def prepare(self, left: Tensor, right: Tensor, count: int) -> PreparedMatch:
        """Features (1,32,h,w) of both images, and the number of planes."""
        lefts = {name: conv(left).chunk(len(SHIFTS), 1) for name, conv in self._left.items()}
        rights = {name: conv(right).chunk(2, 1) for name, conv in self._right.items()}
        return PreparedMatch(lefts, rights, self._bias, count)


class PreparedMatch:
    """Planes of the first convolution's activated output on demand."""

    def __init__(
        self,
        lefts: dict[str, tuple[Tensor, ...]],
        rights: dict[str, tuple[Tensor, ...]],
        bias: Tensor,
        count: int,
    ) -> None:
        self._lefts, self._rights, self._bias, self._count = lefts, rights, bias, count

    def planes(self, start: int, end: int) -> Tensor:
        """(1,32,end-start,h,w) after the ReLU."""
        some = self._lefts["middle"][0]
        _, channels, height, width = some.shape
        out = torch.empty(end - start, height, width, channels, dtype=some.dtype, device=some.device)
        slab = out.permute(3, 0, 1, 2)[None]
        for d in range(start, end):
            self._fill(slab[:, :, d - start], d)
        return torch.relu_(slab)

    def _fill(self, out: Tensor, d: int) -> None:
        name = "first" if d == 0 else "last" if d == self._count - 1 else "middle"
        lefts, (right, right_at_edge) = self._lefts[name], self._rights[name]
        width = out.shape[3]
        first = min(max(d - 2, 0), width)  # columns before see no match
        out[..., :first] = self._bias[:, None, None]
        if first == width:
            return
        # Column x of the plane is column x - d + 2 of the right map, which begins two columns early.
        out[..., first:] = right[..., first - d + 2 : width - d + 2]
        out[..., width - 1] = right_at_edge[..., width - d + 1]
        out[..., d + 2 :] += lefts[-1][..., d + 2 :]
        for shift, left in zip(SHIFTS[:-1], lefts, strict=False):
            if 0 <= d + shift < width:
                out[..., d + shift] += left[..., d + shift]


def _left_kernels(weight: Tensor, taps: tuple[int, ...], dtype: torch.dtype) -> FusedConv:
    """For each shift u = x - d: the taps of L that lie on the valid side, x + kx >= d + kd."""
    kernels = []
    for shift in SHIFTS:
        kernel = torch.zeros_like(weight[:, :, 0])
        for kd in taps:
            for kx in range(3):
                if kx - kd >= -shift:
                    kernel[..., kx] += weight[:, :, kd, :, kx]
        kernels.append(kernel)
    return FusedConv(torch.cat(kernels), None, stride=(1, 1), padding=(1, 1), dtype=dtype)


def _right_kernels(weight: Tensor, bias: Tensor, taps: tuple[int, ...], dtype: torch.dtype) -> FusedConv:
    """Taps of R by kx - kd, for columns inside and for the last one, whose right neighbour is missing.

    The folded bias goes with them, since every column that meets L meets R.
    """
    kernels = []
    for columns in (3, 2):
        kernel = weight.new_zeros(*weight.shape[:2], 3, 5)
        for kd in taps:
            for kx in range(columns):
                kernel[..., kx - kd + 2] += weight[:, :, kd, :, kx]
        kernels.append(kernel)
    return FusedConv(torch.cat(kernels), torch.cat((bias, bias)), stride=(1, 1), padding=(1, 4), dtype=dtype)


def slabs(x: Tensor) -> list[Strip]:
    """Slabs of planes of (B,C,D,h,w) for a 3x3x3 convolution."""
    return list(strips(x.shape[2], strip_size(x, SLAB_PIXELS, multiple=2, least=2), halo=1))


def convolve_slab(conv: FusedConv, x: Tensor, slab: Strip) -> Tensor:
    """Planes of a slab of a 3x3x3 convolution of stride 1 on x (B,C,D,h,w)."""
    if slab.top < slab.start and slab.bottom > slab.end:
        return conv(slab.read(x), padding=[0, 1, 1])
    return slab.inner(conv(slab.read(x)))


class CostHead:
    """32 -> 32 channels with ReLU, then 32 -> 1: the last as one product for all 27 taps and shifted sums."""

    def __init__(self, head: Any, dtype: torch.dtype) -> None:
        self._conv = FusedConv.of(head[0][0], head[0][1], slope=0.0, dtype=dtype)
        last: Tensor = head[2].weight
        self._taps = last.detach()[0].permute(1, 2, 3, 0).reshape(len(TAPS), -1).contiguous()  # (27, 32)

    def __call__(self, x: Tensor) -> Tensor:
        """Compute x (1,32,D,h,w) -> scores (D,h,w) float32."""
        _, channels, depth, height, width = x.shape
        # One more row, column and plane on each side than needed takes what falls over the edges.
        out = torch.zeros(depth + 2, height + 2, width + 2, device=x.device)
        for slab in slabs(x):
            features = convolve_slab(self._conv, x, slab)
            pixels = features[0].permute(1, 2, 3, 0).reshape(-1, channels).float()
            products = torch.matmul(self._taps, pixels.t()).view(len(TAPS), -1, height, width)
            for product, (d, y, x_) in zip(products, TAPS, strict=True):
                # Output at p gathers input at p + tap - 1: input at q adds to output q + 1 - tap.
                planes = slice(slab.start + 2 - d, slab.end + 2 - d)
                out[planes, 2 - y : 2 - y + height, 2 - x_ : 2 - x_ + width] += product
        return out[1:-1, 1:-1, 1:-1]


def expected_disparity(cost: Tensor, maxdisp: int, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Soft arg-max (H,W) of scores (D,h,w) upsampled trilinearly to (maxdisp,H,W), in strips of rows."""
    height, width = size
    depth, coarse = cost.shape[:2]
    wide = F.interpolate(cost[None], (coarse, width), mode="bilinear", align_corners=align_corners)[0]
    planes = _interpolation(depth, maxdisp, align_corners, cost.device)
    rows = _interpolation(coarse, height, align_corners, cost.device)
    ramp = torch.arange(maxdisp, dtype=cost.dtype, device=cost.device)
    out = torch.empty(height, width, dtype=cost.dtype, device=cost.device)
    for strip in strips(height, max(STRIP_PIXELS // width, 1)):
        weights = rows[strip.start : strip.end]
        used = weights.sum(0).nonzero()[:, 0]
        first, last = int(used[0]), int(used[-1]) + 1
        part = torch.matmul(weights[:, first:last], wide[:, first:last])  # (D, rows, W)
        scores = torch.matmul(planes, part.reshape(depth, -1))
        out[strip.start : strip.end] = torch.matmul(ramp, torch.softmax(scores, 0)).view(-1, width)
    return out


def _interpolation(source: int, target: int, align_corners: bool, device: torch.device) -> Tensor:
    """(target, source) weights of linear interpolation, as `F.interpolate` applies them."""
    eye = torch.eye(source, device=device)[None]
    return F.interpolate(eye, target, mode="linear", align_corners=align_corners)[0].t().contiguous()
