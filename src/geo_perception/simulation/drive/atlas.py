# SPDX-License-Identifier: Apache-2.0
"""Texture atlas: all pages with their mip levels in one image, so that one remap textures a whole frame."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.simulation.drive import facades, material_textures
from geo_perception.simulation.drive.materials import MATERIALS, column
from geo_perception.simulation.textures import remap

VARIANTS = 6  # sets of pages; a scene draws one, so that pages are seldom painted
LEVELS = 8  # 512 .. 4 pixels
COLUMNS = 8  # pages side by side


class Atlas:
    """Every material's texture at every level of detail."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 77])
        painted = {name: (paint(rng), None) for name, paint in material_textures.PAINTERS.items()}
        painted |= {name: paint(rng) for name, paint in facades.PAINTERS.items()}  # type: ignore[misc]  # two value types, one table
        self._names = list(painted)
        rows = -(-len(painted) // COLUMNS)
        self._level_row = np.cumsum([0] + [rows * (material_textures.SIZE >> k) for k in range(LEVELS)])
        self._image = np.zeros((int(self._level_row[-1]), COLUMNS * material_textures.SIZE, 4), np.uint8)
        for k, (rgb, gloss) in enumerate(painted.values()):
            self._store(k, rgb, np.ones_like(rgb[..., 0]) if gloss is None else gloss)
        self._page = np.array([self._names.index(m.page) for m in MATERIALS.values()])
        self._texels_per_m = (material_textures.SIZE / column("tile_m")).astype(np.float32)

    def _store(self, index: int, rgb: Array, gloss: Array) -> None:
        image = np.dstack([rgb, gloss]).astype(np.float32)
        for level in range(LEVELS):
            size = material_textures.SIZE >> level
            top = self._level_row[level] + (index // COLUMNS) * size
            left = (index % COLUMNS) * size
            self._image[top : top + size, left : left + size] = np.clip(image * 255 + 0.5, 0, 255)
            image = (
                cv2.resize(image, (size // 2, size // 2), interpolation=cv2.INTER_AREA) if size > 4 else image
            )

    def sample(self, material: NDArray[np.int16], uv: Array, footprint_m: Array) -> Array:
        """Sample (N, 4) red, green, blue, gloss (0..1) at texture coordinates `uv` (N, 2) in metres.

        `footprint_m` (N) is the width of a pixel on the surface; it chooses the level, so that both cameras see the
        same band-limited texture and far surfaces do not alias.
        """
        texels = footprint_m * self._texels_per_m[material]
        level = np.clip(np.log2(np.maximum(texels, 1e-6)) + 0.3, 0, LEVELS - 1).astype(np.int32)
        size = (material_textures.SIZE >> np.arange(LEVELS)).astype(np.float32)[level]
        page = self._page[material]
        in_page = uv / column("tile_m")[material][:, None]
        in_page = np.clip((in_page - np.floor(in_page)) * size[:, None] - 0.5, 0, size[:, None] - 1)
        x = in_page[:, 0] + (page % COLUMNS) * size
        y = size - 1 - in_page[:, 1] + self._level_row[level] + (page // COLUMNS) * size
        return np.asarray(remap(self._image, x, y) * np.float32(1 / 255))


@lru_cache(maxsize=VARIANTS)
def atlas(variant: int) -> Atlas:
    """Paint the pages of one variant; they are kept for the process."""
    return Atlas(variant)
