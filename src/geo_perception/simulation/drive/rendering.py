# SPDX-License-Identifier: Apache-2.0
"""Ray-cast camera views of the world: linear colour with anti-aliased edges, and exact depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Matrix
from geo_perception.geometry import PinholeCamera
from geo_perception.simulation.casting import NO_HIT, Caster, Hits, Surfaces
from geo_perception.simulation.drive.shading import Light, radiance

BLOCK = 32768  # rays shaded together
EDGE_SHARE = 0.015  # relative depth step between neighbours that counts as an edge


@dataclass(frozen=True)
class RenderedImage:
    """One rendered image before the sensor sees it."""

    colour: Array  # (H, W, 3) linear radiance
    depth_m: Array  # (H, W) Z at pixel centres, NaN for sky


@dataclass(frozen=True)
class Scene:
    """Geometry and light at one moment."""

    caster: Caster
    surfaces: Surfaces
    light: Light


def render(
    scene: Scene, camera: PinholeCamera, world_from_camera: Matrix, warp_px: Array, edge_samples: int
) -> RenderedImage:
    """Ray-cast an imperfectly rectified view.

    Pixels see warp_px[0] . (1, x, y, xy, xx, yy) to the right of where they should and warp_px[1] . (...) below, with
    x, y in -1..1 over the image.
    """
    rays = _rays(camera, warp_px, 0.0, 0.0)
    pose = world_from_camera.astype(np.float32)
    hits, colour = _look(scene, camera, pose, rays)
    if edge_samples:
        edges = np.flatnonzero(_edges(scene.surfaces, hits, camera.size))
        total = colour[edges].copy()
        for k in range(edge_samples):
            total += _look(scene, camera, pose, _rays(camera, warp_px, *_offset(k, edge_samples))[edges])[1]
        colour[edges] = total / (edge_samples + 1)
    depth = np.where(hits.triangle == NO_HIT, np.nan, hits.distance).astype(np.float32)
    return RenderedImage(colour.reshape(*camera.size, 3), depth.reshape(camera.size))


def _look(scene: Scene, camera: PinholeCamera, pose: Array, rays: Array) -> tuple[Hits, Array]:
    """Cast camera rays (N, 3): hits and colour (N, 3); in blocks, so that arrays stay in the cache."""
    parts: list[tuple[Hits, Array]] = []
    for start in range(0, len(rays), BLOCK):
        directions = rays[start : start + BLOCK] @ pose[:3, :3].T
        hits = scene.caster.cast(pose[:3, 3], directions)
        colour = radiance(
            scene.light, scene.caster, scene.surfaces, hits, pose[:3, 3], directions, 1 / camera.fx
        )
        parts.append((hits, colour))
    if not parts:
        return Hits.none(0), np.zeros((0, 3), np.float32)
    return Hits.join([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _rays(camera: PinholeCamera, warp_px: Array, du: float, dv: float) -> Array:
    """Compute (H * W, 3) viewing rays with z = 1, through points (du, dv) pixels off the centres."""
    rays = camera.rays.reshape(-1, 3).copy()
    x = (rays[:, 0] * camera.fx + camera.cx) * (2 / camera.width) - 1
    y = (rays[:, 1] * camera.fy + camera.cy) * (2 / camera.height) - 1
    right, down = warp_px @ np.stack([np.ones_like(x), x, y, x * y, x * x, y * y])
    rays[:, 0] += (du + right) / camera.fx
    rays[:, 1] += (dv + down) / camera.fy
    return np.asarray(rays)


def _offset(k: int, count: int) -> tuple[float, float]:
    """Return the position of extra sample `k` of `count` on a circle of 0.36 pixels."""
    angle = 2 * np.pi * (k + 0.25) / count
    return 0.36 * float(np.cos(angle)), 0.36 * float(np.sin(angle))


def _edges(surfaces: Surfaces, hits: Hits, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Find pixels whose right or lower neighbour differs in material, sky or depth."""
    kind = np.where(hits.triangle == NO_HIT, -1, surfaces.material[hits.triangle]).reshape(size)
    inverse = (1 / np.maximum(hits.distance, 1e-3)).reshape(size)
    edge = np.zeros(size, bool)
    for axis in (0, 1):
        a, b = np.delete(inverse, -1, axis), np.delete(inverse, 0, axis)
        step = (np.abs(a - b) > EDGE_SHARE * np.maximum(a, b)) | (np.diff(kind, axis=axis) != 0)
        edge |= np.pad(step, [(0, 1), (0, 0)] if axis == 0 else [(0, 0), (0, 1)])
        edge |= np.pad(step, [(1, 0), (0, 0)] if axis == 0 else [(0, 0), (1, 0)])
    return edge.reshape(-1)
