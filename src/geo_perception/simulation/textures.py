# SPDX-License-Identifier: Apache-2.0
"""Noise for painting, and texture atlases: pages with their mip levels in one image, sampled by a single remap."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array

COLUMNS = 8  # pages side by side


def normal_deviates(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw normal deviates out of 65536 different ones: good enough for bytes, and five times as fast as exact ones."""
    return np.asarray(_deviates().take(rng.integers(0, 1 << 16, shape, np.uint16)))


@lru_cache(maxsize=1)
def _deviates() -> Array:
    numbers = np.random.default_rng(0).standard_normal(1 << 16)
    return np.asarray((numbers - numbers.mean()) / numbers.std(), np.float32)


def fractal(
    rng: np.random.Generator, slope: float, shortest_px: float, longest_px: float, size: int
) -> Array:
    """Generate tileable noise (size, size) with amplitude ~ frequency^-slope, zero mean, unit deviation."""
    # Textures are bytes, so that single precision is plenty; OpenCV's packed transform is five times as fast as
    # NumPy's.
    spectrum = cv2.dft(rng.standard_normal((size, size)).astype(np.float32))
    out = cv2.idft(spectrum * _band(slope, shortest_px, longest_px, size))
    return np.asarray(out * np.float32(size / cv2.norm(out)))


@lru_cache(maxsize=64)  # painters ask for a few dozen kinds of noise again and again
def _band(slope: float, shortest_px: float, longest_px: float, size: int) -> Array:
    """Compute (size, size) amplitudes in the order of OpenCV's packed spectrum of a real image.

    A row holds real and imaginary parts in turn; its first and last entry, which are real, do the same downwards.
    """
    packed = (np.arange(size) + 1) // 2
    x, y = np.tile(packed, (size, 1)), np.tile(np.abs(np.fft.fftfreq(size, 1 / size))[:, None], size)
    y[:, [0, -1]] = packed[:, None]
    radius = np.hypot(x, y) / size
    band = (radius > 0.99 / longest_px) & (radius < 1 / shortest_px)
    gain = np.where(band, np.maximum(radius, 1e-6) ** -slope, 0.0).astype(np.float32)
    gain.flags.writeable = False
    return gain


class PageAtlas:
    """Square pages of one size, each at every level of detail down to 4 pixels."""

    def __init__(self, pages: Sequence[Array]) -> None:
        """Pack `pages`, (S, S, C) images, 0..1, S a power of two."""
        self._size = pages[0].shape[0]
        self._levels = int(np.log2(self._size)) - 1
        rows = -(-len(pages) // COLUMNS)
        self._level_row = np.cumsum([0] + [rows * (self._size >> k) for k in range(self._levels)])
        shape = (int(self._level_row[-1]), COLUMNS * self._size, pages[0].shape[2])
        self._image = np.zeros(shape, np.uint8)
        for k, page in enumerate(pages):
            self._store(k, page)

    def _store(self, index: int, image: Array) -> None:
        for level in range(self._levels):
            size = self._size >> level
            top = self._level_row[level] + (index // COLUMNS) * size
            left = (index % COLUMNS) * size
            level_bytes = cv2.addWeighted(
                image, 255, image, 0, 0, dtype=cv2.CV_8U
            )  # rounds and clips at once
            self._image[top : top + size, left : left + size] = level_bytes
            if size > 4:
                image = cv2.resize(image, (size // 2, size // 2), interpolation=cv2.INTER_AREA)

    def sample(self, page: NDArray[np.integer[Any]], place: Array, footprint: Array) -> Array:
        """Sample (C, N) values 0..1 of `page` (N) at `place` (2, N), in pages and repeating.

        `footprint` (N) is the width of a pixel in pages; it chooses the level, so that both cameras see the same
        band-limited texture and far surfaces do not alias.
        """
        level = np.log2(np.maximum(footprint * np.float32(self._size), np.float32(1e-6))) + np.float32(0.3)
        level = np.clip(level, 0, self._levels - 1).astype(np.int32)
        size = (self._size >> np.arange(self._levels)).astype(np.float32).take(level)
        u, v = (np.clip((p - np.floor(p)) * size - np.float32(0.5), 0, size - 1) for p in place)
        row = page // COLUMNS
        x = u + (page - COLUMNS * row) * size
        y = size - 1 - v + self._level_row.astype(np.float32).take(level) + row * size
        return np.asarray(np.ascontiguousarray(remap(self._image, x, y).T) * np.float32(1 / 255))


def remap(image: NDArray[np.uint8] | Array, x: Array, y: Array) -> Array:
    """Sample `image` bilinearly at N positions, as float32 (N, channels)."""
    wide = 1024  # OpenCV's maps must be narrower than 32768
    pad = -len(x) % wide
    maps = np.zeros((2, (len(x) + pad) // wide, wide), np.float32)
    for line, values in zip(maps.reshape(2, -1), (x, y), strict=True):
        line[: len(x)] = values
    out = np.empty((len(x) + pad, image.shape[2]), image.dtype)
    step = 30000 * wide
    for start in range(0, len(out), step):
        rows = slice(start // wide, start // wide + 30000)
        part = cv2.remap(
            image, maps[0][rows], maps[1][rows], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        out[start : start + step] = part.reshape(-1, image.shape[2])
    return out[: len(x)].astype(np.float32)
