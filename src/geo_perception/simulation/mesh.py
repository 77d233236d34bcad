# SPDX-License-Identifier: Apache-2.0
"""Triangle soups with texture coordinates, and the primitives of which simulated worlds are made.

Street coordinates: x along the road, y to the left of its centre line, z up, metres. Every triangle has its own
three corners, so soups are joined by concatenation and moved by one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array

Values = NDArray[np.floating[Any]]
Numbers = Sequence[float] | NDArray[Any]  # a point, a direction or a colour
WHITE = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Mesh:
    """T triangles. `uv` counts metres along the surface unless a builder says otherwise."""

    corners: Array  # (T, 3, 3)
    uv: Array  # (T, 3, 2)
    material: NDArray[np.int16]  # (T,) index into materials.MATERIALS
    tint: Array  # (T, 3) multiplies the texture's colour

    def moved(
        self, x: float = 0.0, y: float = 0.0, z: float = 0.0, yaw: float = 0.0, scale: float = 1.0
    ) -> Mesh:
        """Scale the mesh, turn it about z by `yaw` radians, then shift it."""
        c, s = np.cos(yaw), np.sin(yaw)
        turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], np.float32) * np.float32(scale)
        turned = self.corners.reshape(-1, 3) @ turn  # one product, not one a triangle
        return replace(self, corners=(turned + np.array([x, y, z], np.float32)).reshape(-1, 3, 3))

    def tinted(self, tint: Numbers) -> Mesh:
        """Return the same shape with every tint multiplied by `tint`."""
        return replace(self, tint=self.tint * np.asarray(tint, np.float32))


def join(meshes: Sequence[Mesh]) -> Mesh:
    """Concatenate all triangles of `meshes` (which may be empty) into one soup."""
    if not meshes:
        return Mesh(
            np.zeros((0, 3, 3), np.float32), np.zeros((0, 3, 2), np.float32), np.zeros(0, np.int16),
            np.zeros((0, 3), np.float32),
        )  # fmt: skip
    return Mesh(
        np.concatenate([m.corners for m in meshes]),
        np.concatenate([m.uv for m in meshes]),
        np.concatenate([m.material for m in meshes]),
        np.concatenate([m.tint for m in meshes]),
    )


def triangles(corners: Values, uv: Values, material: int | NDArray[Any], tint: Numbers) -> Mesh:
    """Make a soup of (T, 3, 3) corners and (T, 3, 2) texture coordinates; material and tint may be one for all."""
    count = len(corners)
    return Mesh(
        np.ascontiguousarray(corners, np.float32),
        np.ascontiguousarray(uv, np.float32),
        np.full(count, material, np.int16),
        np.full((count, 3), tint, np.float32),
    )


def surface(
    grid: Values, material: int | NDArray[Any], tint: Numbers = WHITE, uv: Values | None = None
) -> Mesh:
    """Make quads of (A, B, 3) points; `material` is one id or (A-1, B-1) ids, `uv` (A, B, 2) or arc lengths."""
    grid = np.asarray(grid, np.float32)
    uv = _arc_lengths(grid) if uv is None else np.asarray(uv, np.float32)
    one = isinstance(material, (int, np.integer))
    ids = material if one else np.repeat(np.asarray(material, np.int16).reshape(-1), 2)
    return triangles(_split(grid), _split(uv), ids, tint)


def _split(grid: Values) -> Array:
    """Convert (A, B, C) grid values to (2 (A-1)(B-1), 3, C) triangle corners."""
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    pairs = np.empty((*a.shape[:2], 6, grid.shape[-1]), np.float32)
    for k, corner in enumerate((a, b, c, a, c, d)):
        pairs[:, :, k] = corner
    return pairs.reshape(-1, 3, grid.shape[-1])


def _arc_lengths(grid: Values) -> Array:
    """Compute texture coordinates in metres: mean arc length along each axis of the grid."""
    out = np.zeros((*grid.shape[:2], 2), np.float32)
    out[1:, :, 0] = np.cumsum(_lengths(grid[1:] - grid[:-1]).sum(1))[:, None] / grid.shape[1]
    out[:, 1:, 1] = np.cumsum(_lengths(grid[:, 1:] - grid[:, :-1]).sum(0)) / len(grid)
    return out


def _lengths(vectors: Values) -> Values:
    """Compute norms of (..., 3); written out, because a general function's checks are slow on thousands of grids."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.asarray(np.sqrt(x * x + y * y + z * z))


def patch(
    origin: Numbers,
    edge_u: Numbers,
    edge_v: Numbers,
    material: int,
    tint: Numbers = WHITE,
    step_m: float = 4.0,
    uv: Values | None = None,
) -> Mesh:
    """A parallelogram in quads of at most `step_m` (so that it follows a bent road); `uv` gives its (2, 2) range."""
    o, u, v = (np.asarray(a, np.float32) for a in (origin, edge_u, edge_v))
    nu, nv = (max(1, int(np.ceil(np.linalg.norm(e) / step_m))) for e in (u, v))
    a, b = np.linspace(0, 1, nu + 1, dtype=np.float32), np.linspace(0, 1, nv + 1, dtype=np.float32)
    grid = o + a[:, None, None] * u + b[None, :, None] * v
    coords = np.empty((nu + 1, nv + 1, 2), np.float32)
    coords[..., 0], coords[..., 1] = a[:, None], b
    low, high = (np.zeros(2), np.array([np.linalg.norm(u), np.linalg.norm(v)])) if uv is None else uv
    return surface(grid, material, tint, low + coords * (np.asarray(high) - low))


def box(
    low: Numbers,
    high: Numbers,
    material: int,
    tint: Numbers = WHITE,
    step_m: float = 4.0,
) -> Mesh:
    """An axis-parallel box without its bottom."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    dx, dy, dz = (x1 - x0, 0, 0), (0, y1 - y0, 0), (0, 0, z1 - z0)
    sides = [
        patch((x0, y0, z0), dx, dz, material, tint, step_m),
        patch((x0, y1, z0), dx, dz, material, tint, step_m),
        patch((x0, y0, z0), dy, dz, material, tint, step_m),
        patch((x1, y0, z0), dy, dz, material, tint, step_m),
        patch((x0, y0, z1), dx, dy, material, tint, step_m),
    ]
    return join(sides)


def tube(
    start: Numbers,
    end: Numbers,
    radius: tuple[float, float],
    material: int,
    tint: Numbers = WHITE,
    sides: int = 8,
    rings: int = 2,
) -> Mesh:
    """A cylinder or cone frustum between two points, open at both ends."""
    a, b = np.asarray(start, np.float32), np.asarray(end, np.float32)
    axis = (b - a) / max(float(np.linalg.norm(b - a)), 1e-6)
    x, y, z = axis
    # The cross products of the axis with x or y, and with the result: np.cross takes longer than all the rest here.
    e1 = np.array([0, z, -y] if abs(x) < 0.9 else [-z, 0, x])
    e1 /= np.sqrt(e1 @ e1)
    e2 = np.array([y * e1[2] - z * e1[1], z * e1[0] - x * e1[2], x * e1[1] - y * e1[0]])
    cosine, sine = _circle(sides)
    t = np.linspace(0, 1, rings)[:, None, None]
    around = cosine * e1 + sine * e2
    return surface(a + t * (b - a) + (radius[0] + t * (radius[1] - radius[0])) * around, material, tint)


@lru_cache(maxsize=64)
def _circle(sides: int) -> tuple[Values, Values]:
    """Compute cosines and sines (1, sides + 1, 1) of a closed polygon."""
    angle = np.linspace(0, 2 * np.pi, sides + 1)[None, :, None]
    return np.cos(angle), np.sin(angle)


def disc(centre: Numbers, radius: float, material: int, tint: Numbers = WHITE, sides: int = 14) -> Mesh:
    """A flat disc facing +-y (a wheel's side), textured over the unit square."""
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    rim = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], -1)
    fan = np.stack([np.zeros_like(rim[:-1]), rim[:-1], rim[1:]], 1)
    return triangles(np.asarray(centre) + radius * fan, 0.5 + 0.5 * fan[..., [0, 2]], material, tint)


def blob(centre: Numbers, radii: Numbers, material: int, tint: Numbers = WHITE) -> Mesh:
    """An ellipsoid of 8 x 12 quads."""
    return surface(np.asarray(centre) + np.asarray(radii) * _sphere(), material, tint)


@lru_cache(maxsize=1)
def _sphere() -> Values:
    """Compute (9, 13, 3) points of a unit sphere."""
    theta, phi = np.linspace(0, np.pi, 9)[:, None], np.linspace(0, 2 * np.pi, 13)[None]
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta) + 0 * phi], -1)
