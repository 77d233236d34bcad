# SPDX-License-Identifier: Apache-2.0
"""Noise to paint with, and texture pages with their mip levels in one image, sampled by a single remap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
COLUMNS = 8  # pages side by side


def fractal(
    rng: np.random.Generator, slope: float, shortest_px: float, longest_px: float, size: int
) -> Floats:
    """Tileable noise (size, size) with amplitude ~ frequency^-slope, zero mean, unit deviation."""
    fx, fy = np.fft.rfftfreq(size)[None], np.fft.fftfreq(size)[:, None]
    radius = np.hypot(fx, fy)
    band = (radius > 0.99 / longest_px) & (radius < 1 / shortest_px)
    gain = np.where(band, np.maximum(radius, 1e-6) ** -slope, 0.0)
    out = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) * gain)
    return np.asarray(out / out.std(), np.float32)


class PageAtlas:
    """Square pages of one size, each at every level of detail down to 4 pixels."""

    def __init__(self, pages: Sequence[Floats]) -> None:
        """`pages`: (S, S, C) images, 0..1, S a power of two."""
        self._size = pages[0].shape[0]
        self._levels = int(np.log2(self._size)) - 1
        rows = -(-len(pages) // COLUMNS)
        self._level_row = np.cumsum([0] + [rows * (self._size >> k) for k in range(self._levels)])
        shape = (int(self._level_row[-1]), COLUMNS * self._size, pages[0].shape[2])
        self._image = np.zeros(shape, np.uint8)
        for k, page in enumerate(pages):
            self._store(k, page)

    def _store(self, index: int, image: Floats) -> None:
        for level in range(self._levels):
            size = self._size >> level
            top = self._level_row[level] + (index // COLUMNS) * size
            left = (index % COLUMNS) * size
            self._image[top : top + size, left : left + size] = np.clip(image * 255 + 0.5, 0, 255)
            if size > 4:
                image = cv2.resize(image, (size // 2, size // 2), interpolation=cv2.INTER_AREA)

    def sample(self, page: NDArray[np.integer[Any]], place: Floats, footprint: Floats) -> Floats:
        """(N, C) values 0..1 of `page` (N) at `place` (N, 2), in pages and repeating.

        `footprint` (N) is the width of a pixel in pages; it chooses the level, so that both cameras see the same
        band-limited texture and far surfaces do not alias.
        """
        level = np.clip(np.log2(np.maximum(footprint * self._size, 1e-6)) + 0.3, 0, self._levels - 1).astype(
            np.int32
        )
        size = (self._size >> np.arange(self._levels)).astype(np.float32)[level]
        inside = np.clip((place - np.floor(place)) * size[:, None] - 0.5, 0, size[:, None] - 1)
        x = inside[:, 0] + (page % COLUMNS) * size
        y = size - 1 - inside[:, 1] + self._level_row[level] + (page // COLUMNS) * size
        return np.asarray(remap(self._image, x, y) * np.float32(1 / 255))


def remap(image: NDArray[np.uint8] | Floats, x: Floats, y: Floats) -> Floats:
    """Bilinear samples of `image` at N positions, as float32 (N, channels)."""
    wide = 1024  # OpenCV's maps must be narrower than 32768
    pad = -len(x) % wide
    maps = [np.pad(a.astype(np.float32), (0, pad)).reshape(-1, wide) for a in (x, y)]
    out = np.empty((len(x) + pad, image.shape[2]), image.dtype)
    step = 30000 * wide
    for start in range(0, len(out), step):
        rows = slice(start // wide, start // wide + 30000)
        part = cv2.remap(
            image, maps[0][rows], maps[1][rows], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        out[start : start + step] = part.reshape(-1, image.shape[2])
    return out[: len(x)].astype(np.float32)
