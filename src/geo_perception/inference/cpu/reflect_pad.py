# SPDX-License-Identifier: Apache-2.0
"""Maps with a mirrored border of one pixel, and ELU and doubling into them, for inference.

Maps are small, so making a view of one takes as long as filling it: views are made once for a size, and kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Shape = tuple[int, int, int, int]  # batch, channels, height, width
LOG2_E = math.log2(math.e)
Doubling = Callable[[], None]  # fills its target from its source


def channels_last(shape: Shape, dtype: torch.dtype, device: torch.device) -> Tensor:
    """An empty map that may be written to in any mode of autograd."""
    with torch.inference_mode(False):
        return torch.empty(shape, dtype=dtype, device=device, memory_format=torch.channels_last)


@dataclass(frozen=True)
class Bordered:
    """A map (B,C,H+2,W+2), channels last, that is written inside its border."""

    whole: Tensor
    inside: Tensor  # (B,C,H,W), a view
    mirrors: tuple[tuple[Tensor, Tensor], ...]  # rows, then columns of the border, and what they mirror

    @classmethod
    def of(cls, shape: Shape, dtype: torch.dtype, device: torch.device) -> Bordered:
        """shape: without the border; at least 2x2."""
        batch, channels, height, width = shape
        x = channels_last((batch, channels, height + 2, width + 2), dtype, device)
        rows = ((x[:, :, 0], x[:, :, 2]), (x[:, :, -1], x[:, :, -3]))
        columns = ((x[..., 0], x[..., 2]), (x[..., -1], x[..., -3]))
        return cls(x, x[:, :, 1:-1, 1:-1], (*rows, *columns))

    def mirrored(self) -> Tensor:
        """The whole map, its border filled with what lies on the other side of the outermost pixels."""
        for border, source in self.mirrors:
            border.copy_(source)
        return self.whole


class Elu:
    """ELU into a map, in float32 arithmetic.

    It is the smaller of e^x - 1 and max(x, 0), for e^x - 1 is nowhere below x. `exp2` takes a fourth of the time of
    `exp` and of the `expm1` inside `elu`, so that its passes over memory take half the time of one of theirs.
    """

    def __init__(self, out: Tensor, scratch: Tensor) -> None:
        """out: (B,C,H,W); scratch: flat float32 of at least its size, whose contents are lost."""
        batch, channels, height, width = out.shape
        self._out = out
        self._scratch = scratch[: out.numel()].view(batch, height, width, channels).permute(0, 3, 1, 2)
        self._zero = torch.zeros((), device=out.device)

    def __call__(self, x: Tensor) -> None:
        """Apply ELU to x (B,C,H,W), of any type."""
        x = x.float()
        decay = torch.mul(x, LOG2_E, out=self._scratch).exp2_().sub_(1)
        if self._out.dtype == torch.float32:
            torch.clamp(x, self._zero, decay, out=self._out)
        else:
            self._out.copy_(torch.clamp(x, self._zero, decay, out=decay))


def bilinear(source: Tensor, target: Tensor) -> Doubling:
    """Doubles height and width as `interpolate` with align_corners=False does, in the arithmetic of the source.

    Rows come first, for they are contiguous.
    """
    batch, channels, height, width = source.shape
    tall = channels_last((batch, channels, 2 * height, width), source.dtype, source.device)
    wide = target
    if source.dtype != target.dtype:
        wide = channels_last((batch, channels, 2 * height, 2 * width), source.dtype, source.device)
    along_rows, along_columns = _along(source, tall, 2), _along(tall, wide, 3)

    def double() -> None:
        along_rows()
        along_columns()
        if wide is not target:
            target.copy_(wide)

    return double


def _along(source: Tensor, target: Tensor, dim: int) -> Doubling:
    """Values at a quarter and three quarters between neighbours; the outermost are those of the border."""
    x, y = source.movedim(dim, 0), target.movedim(dim, 0)
    before, after, odd, even = x[:-1], x[1:], y[1:-1:2], y[2::2]
    ends, outermost = y[:: len(y) - 1], x[:: max(len(x) - 1, 1)]

    def double() -> None:
        torch.lerp(before, after, 0.25, out=odd)
        torch.lerp(after, before, 0.25, out=even)
        ends.copy_(outermost)

    return double


def nearest(source: Tensor, target: Tensor) -> Doubling:
    """Repeats every pixel twice in both directions."""
    quarters = [target[:, :, dy::2, dx::2] for dy in range(2) for dx in range(2)]

    def double() -> None:
        for quarter in quarters:
            quarter.copy_(source)

    return double
