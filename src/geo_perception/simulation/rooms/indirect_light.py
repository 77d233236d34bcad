# SPDX-License-Identifier: Apache-2.0
"""Indirect light: each place gathers diffuse reflections along a few directions and shares them with its neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.simulation.casting import NO_HIT, Caster
from geo_perception.simulation.rooms.light_samples import Corners

GATHER = 6  # directions of a place; neighbours share theirs, so that the light of a single quad rests on 24
SETS = 3  # different choices of directions, so that neighbours complement each other
BOUNCES = 3
BRIGHTEST = 4.0  # reflected light beyond this many times the mean is cut off


def bounced(caster: Caster, corners: Corners, total: Array, albedo: Array) -> Array:
    """Compute light (3, V) after one or more reflections of `total` (3, V) at surfaces of colour `albedo` (3, T)."""
    where = gather(caster, corners)
    source, out = total, np.zeros_like(total)
    for _ in range(BOUNCES):
        leaving = corners.per_triangle(source) * albedo
        # A few bright spots, hit by only a few directions, would show as blotches.
        leaving = np.minimum(leaving, BRIGHTEST * leaving.mean(1, keepdims=True))
        leaving = np.pad(leaving, ((0, 0), (0, 1)))  # what a ray that hits nothing sees, at row NO_HIT
        arriving = np.stack([sum(colour.take(seen) for seen in where) for colour in leaving])
        source = corners.smoothed(arriving * np.float32(1 / GATHER))
        out += source
    return out


assert NO_HIT == -1, "the last row of what leaves stands for nothing"


def gather(caster: Caster, corners: Corners) -> list[NDArray[np.int64]]:
    """Cast rays from V places along cosine-weighted directions: GATHER arrays (V,) of the triangles they hit."""
    (e1, e2), normals = tangents(corners.normals), corners.normals
    turn = np.random.default_rng(corners.count).uniform(0, 2 * np.pi, corners.count).astype(np.float32)
    out, directions = [], np.empty((3, corners.count), np.float32)
    first = np.arange(corners.count) % SETS
    for k in range(GATHER):
        # A spiral with steps of the golden angle covers the disc evenly, and so does every third of its points.
        step = (first + (SETS * k + 0.5)).astype(np.float32)
        inside = step * np.float32(1 / (GATHER * SETS))
        radius, angle = np.sqrt(inside), step * np.float32(np.pi * (3 - np.sqrt(5))) + turn
        a, b, c = radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1 - inside)
        for axis in range(3):
            directions[axis] = a * e1[axis] + b * e2[axis] + c * normals[axis]
        out.append(caster.cast(corners.start.T, directions.T).triangle)
    return out


def tangents(normals: Array) -> tuple[Array, Array]:
    """Compute two unit vectors (3, V) at right angles to unit normals (3, V) and to each other (Duff et al. 2017)."""
    x, y, z = normals
    sign = np.copysign(np.float32(1), z)
    a = -1 / (sign + z)
    b = x * y * a
    return np.stack([1 + sign * x * x * a, sign * b, -sign * x]), np.stack([b, sign + y * y * a, -y])
