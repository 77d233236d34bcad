# SPDX-License-Identifier: Apache-2.0
"""Furniture pieces, meshes with tops for small objects and with lamps, and the shapes they are built of.

Triangles are wound so that their normal (first edge times second) points to where they are seen from. Only cloth and
leaves, which are seen from either side, are turned later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.simulation.mesh import Mesh, Numbers, Values, triangles, tube
from geo_perception.simulation.rooms.materials import Coat


@dataclass(frozen=True)
class Top:
    """A horizontal rectangle that carries small objects, in its piece's frame."""

    low: tuple[float, float]
    high: tuple[float, float]
    z: float
    headroom: float = 0.6  # height of the tallest object that fits
    kind: str = "any"  # any | desk | bed | books | kitchen | display | floor


@dataclass(frozen=True)
class Glow:
    """A lamp's position, in its piece's frame, and strength."""

    place: tuple[float, float, float]
    radius: float
    strength: float
    coat: Coat | None = None


@dataclass(frozen=True)
class Piece:
    """A piece of furniture with its back at y = 0, its middle at x = 0 and its feet at z = 0."""

    mesh: Mesh
    width: float
    depth: float
    height: float
    tops: tuple[Top, ...] = ()
    glows: tuple[Glow, ...] = ()


# Corners of a unit box by face (front, back, left, right, top, bottom), each seen from outside, and its triangles
_FACES = np.array(
    [
        [[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]],
        [[1, 1, 0], [0, 1, 0], [0, 1, 1], [1, 1, 1]],
        [[0, 1, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1]],
        [[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 0, 1]],
        [[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]],
        [[0, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0]],
    ],
    np.float32,
)
_HALVES = np.array([[0, 1, 2], [0, 2, 3]])
_PAGE = np.array([[0.0, 0.0], [1.0, 1.0]])
_PAGE_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)


@lru_cache(maxsize=4096)
def _quads(nu: int, nv: int) -> tuple[NDArray[np.int64], Array]:
    """Triangulate an (nu + 1) x (nv + 1) grid: corners as rows (T, 3), and positions (G, 2) of its points in 0..1."""
    a = (np.arange(nu)[:, None] * (nv + 1) + np.arange(nv)).reshape(-1)
    b, c, d = a + nv + 1, a + nv + 2, a + 1
    rows = np.stack([a, b, c, a, c, d], -1).reshape(-1, 3)
    places = np.meshgrid(np.linspace(0, 1, nu + 1), np.linspace(0, 1, nv + 1), indexing="ij")
    return rows, np.stack(places, -1).reshape(-1, 2).astype(np.float32)


def panel(
    origin: Numbers,
    edge_u: Numbers,
    edge_v: Numbers,
    coat: Coat,
    step_m: float = 0.3,
    uv: Values | None = None,
) -> Mesh:
    """A parallelogram in quads of at most `step_m`; `uv` (2, 2) gives its texture range, metres otherwise."""
    o, u, v = (np.asarray(e, np.float32) for e in (origin, edge_u, edge_v))
    long_u, long_v = float(np.sqrt(u @ u)), float(np.sqrt(v @ v))
    rows, places = _quads(max(1, math.ceil(long_u / step_m)), max(1, math.ceil(long_v / step_m)))
    points = o + places[:, :1] * u + places[:, 1:] * v
    if uv is None:
        texture = places * np.array([long_u, long_v], np.float32)
    else:
        texture = (uv[0] + places * np.subtract(uv[1], uv[0])).astype(np.float32)
    return Mesh(
        points[rows], texture[rows], np.full(len(rows), coat[0], np.int16), coat[1][None].repeat(len(rows), 0)
    )


def slab(low: Numbers, high: Numbers, coat: Coat, step_m: float = 0.3, bottom: bool = False) -> Mesh:
    """An axis-parallel box; the texture of its top runs along the longer side. Lit quads are at most `step_m`."""
    origin, size = np.asarray(low, np.float32), np.subtract(high, low).astype(np.float32)
    x, y, z = size.tolist()
    if max(x, y, z) <= step_m * 1.5:
        step_m = math.inf  # one quad a side
    nx, ny, nz = (max(1, math.ceil(length / step_m)) for length in (x, y, z))
    unit, texture, axes = _unit_box(nx, ny, nz, x > y, bottom)
    count = len(unit)
    tint = coat[1][None].repeat(count, 0)
    return Mesh(origin + size * unit, texture * size[axes], np.full(count, coat[0], np.int16), tint)


@lru_cache(maxsize=1024)  # thousands of boxes of an environment are of a few dozen kinds
def _unit_box(nx: int, ny: int, nz: int, wide: bool, bottom: bool) -> tuple[Array, Array, NDArray[np.int64]]:
    """A box of side 1 in nx x ny x nz quads: corners (T, 3, 3), texture (T, 3, 2) in 0..1 along axes (T, 1, 2)."""
    corners, texture, axes = [], [], []
    for a, b, c, d in _FACES[: 6 if bottom else 5]:
        # The top's texture lies along y, so of a wide box it is turned.
        o, u, v = (d, a - d, c - d) if wide and a[2] == c[2] else (a, b - a, d - a)
        i, j = int(np.abs(u).argmax()), int(np.abs(v).argmax())
        rows, places = _quads((nx, ny, nz)[i], (nx, ny, nz)[j])
        corners.append((o + places[:, :1] * u + places[:, 1:] * v)[rows])
        texture.append(places[rows])
        axes.append(np.full((len(rows), 1, 2), (i, j)))
    return np.concatenate(corners), np.concatenate(texture), np.concatenate(axes)


def sheet(origin: Numbers, edge_u: Numbers, edge_v: Numbers, coat: Coat, step_m: float = 0.3) -> Mesh:
    """A parallelogram that shows its whole page once."""
    o, u, v = (np.asarray(a, np.float32) for a in (origin, edge_u, edge_v))
    if max(np.abs(u).max(), np.abs(v).max()) > step_m * 1.5:
        return panel(o, u, v, coat, step_m, _PAGE)
    quad = np.stack([o, o + u, o + u + v, o + v])
    return triangles(quad[_HALVES], _PAGE_CORNERS[_HALVES], *coat)


def rod(start: Numbers, end: Numbers, radius: tuple[float, float], coat: Coat, sides: int = 8) -> Mesh:
    """A round bar or cone frustum, open at both ends, seen from outside."""
    inner = tube(start, end, radius, *coat, sides=sides)
    return replace(inner, corners=inner.corners[:, ::-1], uv=inner.uv[:, ::-1])


def legs(
    width: float, depth: float, height: float, thick: float, coat: Coat, inset: float = 0.03
) -> list[Mesh]:
    """Four square legs under a width x depth top with its back at y = 0."""
    out = []
    for x in (-width / 2 + inset, width / 2 - inset - thick):
        for y in (inset, depth - inset - thick):
            out.append(slab((x, y, 0), (x + thick, y + thick, height), coat, 0.5))
    return out
