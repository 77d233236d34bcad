# SPDX-License-Identifier: Apache-2.0
"""Light in rooms, computed once per environment at the corners of all triangles.

Direct light of lamps, windows and sun with their shadows, then three diffuse bounces: each corner gathers along a
few directions of its own, and neighbours on a surface share what they found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception.simulation.casting import NO_HIT, Caster
from geo_perception.simulation.mesh import Mesh

Floats = NDArray[np.float32]
GATHER = 18  # directions over the hemisphere
BOUNCES = 3
BRIGHTEST = 4.0  # reflected light beyond this many times the mean is cut off
SMOOTHING = 4  # rounds; one reaches as far as a triangle
OFFSET_M = 0.012  # start of shadow rays above the surface
BLOCK = 65536


@dataclass(frozen=True)
class Lamp:
    """A light of S samples. With a normal it shines into the half space before it, as windows do."""

    samples: Floats  # (S, 3)
    power: Floats  # (3,) radiance times solid angle at one metre
    normal: Floats | None = None
    reach_m: float = 12.0


@dataclass(frozen=True)
class Sun:
    """Parallel light from outside; `direction` (3,) points towards it."""

    direction: Floats
    power: Floats


@dataclass(frozen=True)
class Baked:
    """Light at the corners of T triangles."""

    irradiance: Floats  # (T, 3, 3) everything but the sun's direct light
    sun: Floats  # (T, 3) 1 where the sun reaches the corner


def bake(
    mesh: Mesh, caster: Caster, occluders: Caster, albedo: Floats, lamps: list[Lamp], sun: Sun | None
) -> Baked:
    """Light everything. `occluders` lacks panes and lampshades; `albedo` (T, 3) is the mean colour of triangles."""
    points, normals, row = _unique_corners(mesh)
    direct = np.zeros((len(points), 3), np.float32)
    for lamp in lamps:
        direct += _lamp_light(occluders, points, normals, lamp)
    sunlit = np.zeros(len(points), np.float32)
    total = direct
    if sun is not None:
        cosine = np.maximum(normals @ sun.direction, 0)
        asked = np.flatnonzero(cosine > 1e-3)
        sunlit[asked] = ~occluders.blocked(points[asked] + OFFSET_M * normals[asked], sun.direction)
        total = direct + (cosine * sunlit)[:, None] * sun.power
    bounced = _bounces(caster, points, normals, row, total, albedo)
    return Baked((direct + bounced)[row].reshape(-1, 3, 3), sunlit[row].reshape(-1, 3))


def _unique_corners(mesh: Mesh) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Points and normals (V, 3) that differ, and the row of each corner (3T,). Both sides of a surface are kept."""
    e1, e2 = mesh.corners[:, 1] - mesh.corners[:, 0], mesh.corners[:, 2] - mesh.corners[:, 0]
    normal = np.cross(e1, e2)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    points = mesh.corners.reshape(-1, 3)
    normals = np.repeat(normal, 3, 0).astype(np.float32)
    key = np.round(points * 500).astype(np.int64) @ np.array([1, 1 << 17, 1 << 34], np.int64)
    side = np.round(normals * 6).astype(np.int64) @ np.array([1, 13, 169], np.int64)
    _, first, row = np.unique(key * 4001 + side, return_index=True, return_inverse=True)
    return points[first], normals[first], row.reshape(-1)


def _lamp_light(occluders: Caster, points: Floats, normals: Floats, lamp: Lamp) -> Floats:
    out = np.zeros((len(points), 3), np.float32)
    share = lamp.power / np.float32(len(lamp.samples))
    for sample in lamp.samples:
        towards = sample - points
        squared = np.maximum(np.einsum("ij,ij->i", towards, towards), 0.02)
        strength = np.einsum("ij,ij->i", towards, normals) / (squared * np.sqrt(squared))
        if lamp.normal is not None:
            strength *= np.maximum(-(towards @ lamp.normal), 0) / np.sqrt(squared)
        asked = np.flatnonzero((strength > 2e-3) & (squared < lamp.reach_m**2))
        start = points[asked] + OFFSET_M * normals[asked]
        seen = ~occluders.between(start, np.broadcast_to(sample, start.shape))
        out[asked[seen]] += strength[asked[seen], None] * share
    return out


def _bounces(
    caster: Caster, points: Floats, normals: Floats, row: NDArray[np.int64], total: Floats, albedo: Floats
) -> Floats:
    """Light (V, 3) that arrives after one or more diffuse reflections."""
    where = _gather(caster, points, normals)
    hit = (where != NO_HIT)[..., None]
    source = total
    out = np.zeros_like(total)
    for _ in range(BOUNCES):
        leaving = source[row].reshape(-1, 3, 3).mean(1) * albedo
        # A few brilliant spots met by a few directions would show as blotches.
        leaving = np.minimum(leaving, BRIGHTEST * leaving.mean(0))
        source = _smoothed(np.where(hit, leaving[where], 0).mean(1), row)
        out += source
    return out


def _smoothed(values: Floats, row: NDArray[np.int64]) -> Floats:
    """Values (V, 3) averaged with those they share triangles with, a few times over."""
    corners = row.reshape(-1, 3)
    count = np.maximum(np.bincount(row, minlength=len(values)), 1).astype(np.float32)
    out = values
    for _ in range(SMOOTHING):
        mean = np.repeat(out[corners].mean(1), 3, 0)
        out = np.stack([np.bincount(row, mean[:, c], len(values)) for c in range(3)], -1).astype(np.float32)
        out /= count[:, None]
    return out


def _gather(caster: Caster, points: Floats, normals: Floats) -> NDArray[np.int64]:
    """(V, GATHER) triangles seen from points along a cosine-weighted set of directions around their normals."""
    k = np.arange(GATHER) + 0.5
    radius, angle = np.sqrt(k / GATHER), k * np.pi * (3 - np.sqrt(5))
    local = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1 - radius**2)], -1).astype(
        np.float32
    )
    helper = np.where(
        np.abs(normals[:, 2:]) < 0.9, np.array([0, 0, 1], np.float32), np.array([1, 0, 0], np.float32)
    )
    e1 = np.cross(helper, normals)
    e1 /= np.maximum(np.linalg.norm(e1, axis=1, keepdims=True), 1e-9)
    e2 = np.cross(normals, e1)
    turn = np.random.default_rng(len(points)).uniform(0, 2 * np.pi, (len(points), 1)).astype(np.float32)
    e1, e2 = np.cos(turn) * e1 + np.sin(turn) * e2, np.cos(turn) * e2 - np.sin(turn) * e1
    out = np.empty((len(points), GATHER), np.int64)
    start = points + OFFSET_M * normals
    for d, (a, b, c) in enumerate(local):
        out[:, d] = caster.cast(start, a * e1 + b * e2 + c * normals).triangle
    return out


def warmth(kelvin: float) -> Floats:
    """Linear RGB of a light of this colour temperature relative to green; 6500 K is white."""
    t = kelvin / 6500.0
    return np.array([t**-0.85, 1.0, t**1.3], np.float32)
