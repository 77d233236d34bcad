# SPDX-License-Identifier: Apache-2.0
"""Maps in strips of rows, volumes in slabs of planes, and the buffers that outlive a call.

Strips keep intermediate maps in the cache, and below the size from which the C library returns memory to the system on
every call and has it zeroed again on the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from geo_perception.inference.cpu.fused_conv import CHANNELS_LAST


@dataclass(frozen=True)
class Strip:
    """[start, end) along dimension 2 (rows of a map, planes of a volume), and [top, bottom) that it reads."""

    start: int
    end: int
    top: int
    bottom: int

    def read(self, x: Tensor) -> Tensor:
        """The part of a whole tensor that the strip needs."""
        return x[:, :, self.top : self.bottom]

    def part(self, x: Tensor) -> Tensor:
        """The strip itself in a whole tensor."""
        return x[:, :, self.start : self.end]

    def inner(self, y: Tensor) -> Tensor:
        """The strip in what was computed from `read`."""
        return y[:, :, self.start - self.top : self.end - self.top]

    def halved(self) -> Strip:
        """The same strip at half resolution; all limits must be even."""
        return Strip(self.start // 2, self.end // 2, self.top // 2, self.bottom // 2)


def strips(length: int, size: int, halo: int = 0) -> Iterator[Strip]:
    """Consecutive strips of `size` that read `halo` more on either side where there is more."""
    for start in range(0, length, size):
        end = min(start + size, length)
        yield Strip(start, end, max(start - halo, 0), min(end + halo, length))


def strip_size(x: Tensor, pixels: int, multiple: int, least: int) -> int:
    """Rows (or planes) of about `pixels` pixels of x (B,C,rows,...), a multiple of `multiple`."""
    across = x.shape[0] * x[0, 0, 0].numel()
    return max(pixels // across // multiple * multiple, least)


class Buffers:
    """Channels-last tensors kept between calls; the contents of each are those of its last use."""

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self._dtype, self._device = dtype, device
        self._by_name: dict[str, Tensor] = {}

    def get(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """The buffer of that name; a new one when the shape is another than last time."""
        buffer = self._by_name.get(name)
        if buffer is None or buffer.shape != shape:
            layout = CHANNELS_LAST[len(shape)]
            buffer = torch.empty(shape, dtype=self._dtype, device=self._device, memory_format=layout)
            self._by_name[name] = buffer
        return buffer
