# SPDX-License-Identifier: Apache-2.0
"""Houses, walls, fences and railings along the street; built for the left side, facing -y at y = 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception.simulation.drive.materials import ID
from geo_perception.simulation.mesh import Mesh, box, join, patch, surface, tube

Rng = np.random.Generator
FRONTS = ("facade_old", "facade_plain", "facade_modern", "brick", "plaster")


def house(rng: Rng, width_m: float, storeys: int, front: str) -> Mesh:
    """A block of `width_m` along x with a painted front, gables, roof, sometimes shop, balconies and chimney."""
    height, depth = 3.0 * storeys + 0.4, rng.uniform(9, 13)
    tint = (
        0.5 + 0.7 * rng.random() + rng.uniform(-0.05, 0.05, 3) + rng.random() * np.array([0.12, 0.03, -0.12])
    )
    page = ID[front]
    parts = [_wall((0, 0, 0), (width_m, 0, 0), height, page, tint)]
    parts += [_wall((x, 0, 0), (0, depth, 0), height, page, tint) for x in (0, width_m)]
    if rng.random() < 0.3 and front != "brick":
        parts.append(patch((0, -0.04, 0), (width_m, 0, 0), (0, 0, 4.0), ID["shop"], tint, step_m=2.5))
    if front in ("brick", "plaster"):
        parts += _openings(rng, width_m, storeys)
    parts += _roof(rng, width_m, depth, height, tint)
    if front == "facade_modern" or rng.random() < 0.25:
        parts += _balconies(rng, width_m, storeys)
    return join(parts)


def _wall(
    origin: tuple[float, float, float],
    along: tuple[float, float, float],
    height: float,
    page: int,
    tint: NDArray[Any],
) -> Mesh:
    return patch(origin, along, (0, 0, height), page, tint, step_m=2.5)


def _openings(rng: Rng, width_m: float, storeys: int) -> list[Mesh]:
    """Windows set 12 cm into the wall would cost holes; panes 3 cm in front with frames look the same."""
    out = []
    for floor in range(storeys):
        for x in np.arange(1.0, width_m - 1.8, rng.uniform(2.4, 4.0)):
            z = 3.0 * floor + 0.9
            out.append(box((x - 0.12, -0.08, z - 0.12), (x + 1.32, 0, z + 1.52), ID["lamp"]))
            out.append(patch((x, -0.09, z), (1.2, 0, 0), (0, 0, 1.4), ID["glass"]))
    return out


def _roof(rng: Rng, width: float, depth: float, height: float, tint: NDArray[Any]) -> list[Mesh]:
    if rng.random() < 0.3:
        return [patch((0, 0, height), (width, 0, 0), (0, depth, 0), ID["concrete"])]
    ridge, eave = height + depth * rng.uniform(0.25, 0.45), 0.4
    colour = rng.uniform(0.5, 1.1) * np.array([1.0, rng.uniform(0.75, 1.0), rng.uniform(0.7, 1.1)])
    slope_y, slope_z = depth / 2 + eave, ridge - height + 0.3
    out = [patch((-0.2, -eave, height - 0.3), (width + 0.4, 0, 0), (0, slope_y, slope_z), ID["roof"], colour)]
    out.append(
        patch(
            (-0.2, depth + eave, height - 0.3),
            (width + 0.4, 0, 0),
            (0, -slope_y, slope_z),
            ID["roof"],
            colour,
        )
    )
    for x in (0.0, width):
        gable = np.array(
            [[[x, 0, height], [x, depth / 2, ridge]], [[x, depth, height], [x, depth / 2, ridge]]]
        )
        out.append(surface(gable, ID["plaster"], tint))
    x = rng.uniform(1, max(width - 2, 1.5))
    out.append(box((x, depth / 2 - 0.4, ridge - 1), (x + 0.7, depth / 2 + 0.3, ridge + 0.9), ID["brick"]))
    return out


def _balconies(rng: Rng, width_m: float, storeys: int) -> list[Mesh]:
    colour = rng.uniform(0.4, 1.0, 3)
    spots = [(x, 3.0 * f) for f in range(1, storeys) for x in np.arange(1.0, width_m - 3.5, 5.5)]
    return [box((x, -1.3, z), (x + 3.0, 0, z + 1.05), ID["plaster"], colour) for x, z in spots]


def garden_wall(rng: Rng, length_m: float) -> Mesh:
    """A wall of brick, render or stone, 0.6 to 2.2 m high."""
    material = str(rng.choice(["brick", "plaster", "concrete"]))
    tint = np.full(3, rng.uniform(0.6, 1.1))
    return box((0, 0, 0), (length_m, 0.3, rng.uniform(0.6, 2.2)), ID[material], tint, step_m=3.0)


def fence(rng: Rng, length_m: float) -> Mesh:
    """Pickets or boards: repetitive, with gaps both sensors look through."""
    height, pitch = rng.uniform(0.8, 1.7), rng.uniform(0.14, 0.3)
    xs = np.arange(0, length_m, pitch)
    width = pitch * rng.uniform(0.35, 0.8)
    low = np.stack([xs, np.zeros_like(xs), np.full_like(xs, 0.05)], -1)
    quads = low[:, None, None] + np.array([[[0, 0, 0], [0, 0, height]], [[width, 0, 0], [width, 0, height]]])
    tint = rng.uniform(0.5, 1.5) * np.array([1.0, rng.uniform(0.85, 1.0), rng.uniform(0.7, 1.0)])
    pickets = [surface(q, ID["wood"], tint) for q in quads]
    rails = [box((0, 0.02, z), (length_m, 0.07, z + 0.08), ID["wood"], tint) for z in (0.25, height - 0.25)]
    return join(pickets + rails)


def railing(rng: Rng, length_m: float) -> Mesh:
    """A guard rail or pedestrian railing on thin posts."""
    height = rng.uniform(0.7, 1.1)
    posts = [
        tube((x, 0, 0), (x, 0, height), (0.04, 0.04), ID["metal"], sides=5)
        for x in np.arange(0, length_m, 2.0)
    ]
    bars = [
        box((0, -0.03, z - 0.03), (length_m, 0.03, z + 0.03), ID["metal"]) for z in (height, 0.5 * height)
    ]
    return join(posts + bars)
