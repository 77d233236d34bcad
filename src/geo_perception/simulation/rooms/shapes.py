# SPDX-License-Identifier: Apache-2.0
"""What furniture is: a mesh with the places on it where things stand and the lamps it carries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception.simulation.mesh import Mesh, Numbers, join, patch
from geo_perception.simulation.rooms.palette import Coat

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Top:
    """A horizontal rectangle that carries things, in its piece's frame."""

    low: tuple[float, float]
    high: tuple[float, float]
    z: float
    headroom: float = 0.6  # tallest thing that fits
    kind: str = "any"  # any | desk | books | floor


@dataclass(frozen=True)
class Glow:
    """A lamp: where it is and how strong, in its piece's frame."""

    place: tuple[float, float, float]
    radius: float
    strength: float
    coat: Coat | None = None


@dataclass(frozen=True)
class Piece:
    """A thing with its back at y = 0, its middle at x = 0 and its feet at z = 0."""

    mesh: Mesh
    width: float
    depth: float
    height: float
    tops: tuple[Top, ...] = ()
    glows: tuple[Glow, ...] = ()


def slab(low: Numbers, high: Numbers, coat: Coat, step_m: float = 0.3, bottom: bool = False) -> Mesh:
    """An axis-parallel box whose texture runs along its longer horizontal side."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    dx, dy, dz = (x1 - x0, 0, 0), (0, y1 - y0, 0), (0, 0, z1 - z0)
    sides = [
        patch((x0, y0, z0), dx, dz, *coat, step_m),
        patch((x0, y1, z0), dx, dz, *coat, step_m),
        patch((x0, y0, z0), dy, dz, *coat, step_m),
        patch((x1, y0, z0), dy, dz, *coat, step_m),
    ]
    flat = (dy, dx) if x1 - x0 > y1 - y0 else (dx, dy)
    sides.append(patch((x0, y0, z1), *flat, *coat, step_m))
    if bottom:
        sides.append(patch((x0, y0, z0), *flat, *coat, step_m))
    return join(sides)


def sheet(origin: Numbers, edge_u: Numbers, edge_v: Numbers, coat: Coat, step_m: float = 0.3) -> Mesh:
    """A parallelogram that shows its whole page once."""
    return patch(origin, edge_u, edge_v, *coat, step_m, uv=np.array([[0.0, 0.0], [1.0, 1.0]]))


def legs(
    width: float, depth: float, height: float, thick: float, coat: Coat, inset: float = 0.03
) -> list[Mesh]:
    """Four square legs under a width x depth top with its back at y = 0."""
    out = []
    for x in (-width / 2 + inset, width / 2 - inset - thick):
        for y in (inset, depth - inset - thick):
            out.append(slab((x, y, 0), (x + thick, y + thick, height), coat, 0.5))
    return out
