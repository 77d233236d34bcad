# SPDX-License-Identifier: Apache-2.0
"""Geometry around the car, ready for ray casting: static things once per stretch, moving ones per frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geo_perception.simulation.casting import Caster, Surfaces
from geo_perception.simulation.drive.materials import ID
from geo_perception.simulation.drive.plan import CHUNK_M, StreetPlan
from geo_perception.simulation.drive.street import build_chunk
from geo_perception.simulation.mesh import Mesh, join, surface

STRETCH_M = 64.0  # static geometry is rebuilt each time the car has passed this far
BEHIND_M, AHEAD_M = 48.0, 230.0  # what a stretch covers around the car


@dataclass(frozen=True)
class Stretch:
    """Static geometry near the car, in a world frame whose origin is the centre line at `origin_s`."""

    origin_s: float
    caster: Caster
    surfaces: Surfaces


def build_stretch(plan: StreetPlan, index: int) -> Stretch:
    """Build the stretch for a car between s = index * STRETCH_M and the next one."""
    start = index * STRETCH_M
    first, last = (int(np.floor(s / CHUNK_M)) for s in (start - BEHIND_M, start + STRETCH_M + AHEAD_M))
    street = join([build_chunk(plan, k) for k in range(first, last + 1)])
    rng = np.random.default_rng([plan.seed, 3, index + 1000])
    street = join([street, _horizon(rng, start, start + STRETCH_M + AHEAD_M)])
    world = replace(street, corners=plan.path.bend(street.corners, start))
    return Stretch(start, Caster([world]), Surfaces.of(world))


def _horizon(rng: np.random.Generator, start: float, end: float) -> Mesh:
    """Far trees and hills on both sides and where the street ends from sight, and the ground below them."""
    xs = np.arange(start - 60, end + 60, 2.5)
    parts = [_ridge(rng, np.stack([xs, np.full_like(xs, y)], -1), 7, 16) for y in (-105.0, 105.0)]
    across = np.arange(-140.0, 141.0, 2.5)
    parts.append(_ridge(rng, np.stack([np.full_like(across, end + 20), across], -1), 5, 14))
    wide = np.array(
        [
            [[x, y, -1.5] for y in (-400.0, -110.0, 0.0, 110.0, 400.0)]
            for x in (start - 80, end + 15, end + 400)
        ]
    )
    parts.append(surface(wide, ID["grass"]))
    return join(parts)


def _ridge(rng: np.random.Generator, feet: NDArray[np.float64], low_m: float, high_m: float) -> Mesh:
    """A ragged curtain standing on the line `feet` (N, 2)."""
    count = len(feet)
    smooth = np.interp(
        np.arange(count),
        np.arange(0, count + 16, 16),
        rng.uniform(low_m, high_m, len(np.arange(0, count + 16, 16))),
    )
    tops = smooth * (1 + 0.12 * rng.standard_normal(count))
    grid = np.zeros((count, 9, 3))
    grid[..., :2] = feet[:, None] + rng.normal(0, 0.8, (count, 9, 2))
    grid[..., 2] = np.linspace(-0.15, 1, 9) * tops[:, None]
    return surface(grid, ID["treeline"])
