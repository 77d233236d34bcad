# SPDX-License-Identifier: Apache-2.0
"""Trees, bushes and hedges of thousands of small leaves.

The holes between leaves are where lidar and stereo disagree most.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geo_perception.simulation.drive.materials import ID
from geo_perception.simulation.mesh import Mesh, join, surface, triangles, tube

Rng = np.random.Generator
Floats = NDArray[np.float64]


def leaves(rng: Rng, centres: Floats, size_m: float, material: str = "leaf") -> Mesh:
    """One randomly turned triangle of about `size_m` at each of the (N, 3) centres, with its own brightness."""
    count = len(centres)
    e1, e2 = rng.standard_normal((2, count, 3))
    e1 /= np.linalg.norm(e1, axis=1, keepdims=True)
    e2 -= (e1 * e2).sum(1, keepdims=True) * e1
    e2 /= np.linalg.norm(e2, axis=1, keepdims=True)
    size = size_m * rng.uniform(0.6, 1.4, (count, 1))
    corners = centres[:, None] + np.stack([-e1 - 0.6 * e2, e1 - 0.6 * e2, 1.1 * e2], 1) * size[:, None] * 0.6
    offset = rng.uniform(0, 50, (count, 1, 2))
    uv = offset + np.array([[-1, -0.6], [1, -0.6], [0, 1.1]]) * size[:, None] * 0.6
    shade = rng.uniform(0.3, 1.6, (count, 1)) * rng.uniform(0.9, 1.1, (count, 3))
    return triangles(
        corners.astype(np.float32), uv.astype(np.float32), ID[material], shade.astype(np.float32)
    )


def _shell(rng: Rng, count: int, radii: Floats) -> Floats:
    """Draw points in the outer half of an ellipsoid."""
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return np.asarray(direction * rng.uniform(0.55, 1.0, (count, 1)) * radii)


def broadleaf(rng: Rng, leaf_count: int = 3200) -> Mesh:
    """A street tree of about 9 m: trunk, branches and 8 to 14 overlapping clusters of leaves."""
    crown = np.array([rng.uniform(1.8, 2.8), rng.uniform(1.8, 2.8), rng.uniform(1.8, 2.8)])
    base = rng.uniform(2.0, 3.2)
    middle = np.array([0, 0, base + crown[2]])
    hubs = middle + _shell(rng, int(rng.integers(8, 15)), crown * 0.75)
    sizes = rng.uniform(0.3, 0.55, len(hubs))[:, None] * crown
    per_hub = leaf_count // len(hubs)
    points = np.concatenate([hub + _shell(rng, per_hub, size) for hub, size in zip(hubs, sizes, strict=True)])
    trunk_radius = rng.uniform(0.12, 0.25)
    trunk = tube((0, 0, 0), (0, 0, middle[2]), (trunk_radius, 0.5 * trunk_radius), ID["bark"])
    branches = [tube((0, 0, 0.8 * base), hub, (0.07, 0.03), ID["bark"], sides=4) for hub in hubs[:6]]
    return join([trunk, *branches, leaves(rng, points, 0.2)])


def conifer(rng: Rng, leaf_count: int = 2600) -> Mesh:
    """A spruce of about 11 m: a cone of drooping needles, foliage nearly to the ground."""
    height = rng.uniform(8, 13)
    up = rng.uniform(0, 1, leaf_count) ** 1.5
    angle = rng.uniform(0, 2 * np.pi, leaf_count)
    layer = 0.75 + 0.25 * np.cos(up * height * 6)
    radius = (1 - up) * rng.uniform(0.16, 0.24) * height * layer * rng.uniform(0.5, 1, leaf_count)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0.9 + up * (height - 0.9)], -1)
    trunk = tube((0, 0, 0), (0, 0, height * 0.9), (0.2, 0.04), ID["bark"], sides=6)
    return join([trunk, leaves(rng, points, 0.22).tinted((0.7, 0.8, 0.8))])


def forest_tree(rng: Rng, leaf_count: int = 1100) -> Mesh:
    """A tall bare trunk with a high crown, as they stand behind a forest's edge."""
    height = rng.uniform(11, 18)
    crown = np.array([2.2, 2.2, 0.3 * height])
    points = np.array([0, 0, 0.72 * height]) + _shell(rng, leaf_count, crown)
    trunk = tube(
        (0, 0, 0), (*rng.normal(0, 0.4, 2), height), (rng.uniform(0.12, 0.3), 0.05), ID["bark"], sides=7
    )
    return join([trunk, leaves(rng, points, 0.34)])


def bush(rng: Rng, leaf_count: int = 1100) -> Mesh:
    """A shrub of 1 to 2.5 m."""
    radii = np.array([rng.uniform(0.5, 1.3), rng.uniform(0.5, 1.3), rng.uniform(0.5, 1.3)])
    points = np.array([0, 0, radii[2]]) + _shell(rng, leaf_count, radii)
    return leaves(rng, points, 0.12, "hedge")


TREES = {"broadleaf": broadleaf, "conifer": conifer, "forest_tree": forest_tree, "bush": bush}


def hedge(rng: Rng, length_m: float, height_m: float, depth_m: float) -> Mesh:
    """A clipped hedge along x with a bumpy surface and leaves sticking out of it."""
    profile = np.array([[0, 0], [0, 0.5], [0, 0.9], [0.3, 1], [0.7, 1], [1, 0.9], [1, 0.5], [1, 0]])
    xs = np.arange(0, length_m + 0.5, 0.5)
    grid = np.zeros((len(xs), len(profile), 3))
    grid[..., 0] = xs[:, None]
    grid[..., 1:] = profile * (depth_m, height_m) + rng.normal(0, 0.06, (len(xs), len(profile), 2))
    count = int(length_m * 120)
    spots = np.stack(
        [
            rng.uniform(0, length_m, count),
            rng.choice([0.0, 1.0], count) * depth_m,
            rng.uniform(0, height_m, count),
        ],
        -1,
    )
    top = rng.random(count) < 0.4
    spots[top, 1], spots[top, 2] = rng.uniform(0, depth_m, int(top.sum())), height_m
    return join([surface(grid, ID["hedge"], (0.9, 0.9, 0.9)), leaves(rng, spots, 0.09, "hedge")])


@lru_cache(maxsize=1)
def forest() -> dict[str, list[Mesh]]:
    """Build a few trees of each kind, the same in every process; scenes place, turn, scale and tint them."""
    rng = np.random.default_rng(4711)
    return {name: [grow(rng) for _ in range(5)] for name, grow in TREES.items()}
