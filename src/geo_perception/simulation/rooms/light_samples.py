# SPDX-License-Identifier: Apache-2.0
"""Places where light is computed: corners of triangles, each place and side of a surface once.

Arrays are stored by axis, (3, V), because NumPy is several times faster along long rows than across short ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array

SMOOTHING = 4  # rounds; one reaches as far as a triangle
OFFSET_M = 0.012  # start of shadow rays above the surface


@dataclass(frozen=True)
class Corners:
    """V places of T triangles. Corners at one point of surfaces that face the same way are one place."""

    points: Array  # (3, V)
    normals: Array  # (3, V) unit
    start: Array  # (3, V) where rays begin, just above the surface
    rows: NDArray[np.int64]  # (3, T) the places of each triangle's corners

    @classmethod
    def of(cls, corners: Array, normal: Array) -> Corners:
        """Find the places of triangles (T, 3, 3) with unit normals (T, 3) to the side that is lit."""
        points, normals = corners.reshape(-1, 3), np.repeat(normal, 3, 0)
        key = np.round(points * 500).astype(np.int64) @ np.array([1, 1 << 17, 1 << 34], np.int64)
        side = np.round(normals * 6).astype(np.int64) @ np.array([1, 13, 169], np.int64)
        _, first, row = np.unique(key * 4001 + side, return_index=True, return_inverse=True)
        points, normals = (np.ascontiguousarray(values[first].T) for values in (points, normals))
        start = points + np.float32(OFFSET_M) * normals
        return cls(points, normals, start, np.ascontiguousarray(row.reshape(-1, 3).T))

    @property
    def count(self) -> int:
        """Number V of places."""
        return int(self.start.shape[1])

    def per_triangle(self, values: Array) -> Array:
        """Average values (3, V) over triangles, to (3, T)."""
        a, b, c = self.rows
        third = np.float32(1 / 3)
        return np.stack([(v.take(a) + v.take(b) + v.take(c)) * third for v in values])

    def smoothed(self, values: Array) -> Array:
        """Average values (3, V) with those of places in the same triangles, SMOOTHING times."""
        share = 1 / np.maximum(self._gathered(np.ones(self.rows.shape[1])), 1)
        for _ in range(SMOOTHING):
            values = np.stack([self._gathered(v) * share for v in self.per_triangle(values)]).astype(
                np.float32
            )
        return values

    def _gathered(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Sum values (T,) over the triangles at each place, to (V,)."""
        return np.asarray(sum(np.bincount(row, values, self.count) for row in self.rows))

    def at_odds(self, some: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Find places (V,) that share triangles with a place where `some` (V,) and one where `others` (V,) holds."""
        (a, b, c), out = self.rows, np.zeros(self.count, bool)
        both = (some[a] | some[b] | some[c]) & (others[a] | others[b] | others[c])
        out[self.rows[:, both]] = True
        return out
