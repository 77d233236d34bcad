# SPDX-License-Identifier: Apache-2.0
"""Views of an environment: linear colour with anti-aliased edges, exact depth and normals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception.geometry import PinholeCamera
from geo_perception.simulation.casting import NO_HIT, Hits
from geo_perception.simulation.rooms.environment import Environment
from geo_perception.simulation.rooms.lighting import OFFSET_M

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]
BLOCK = 32768  # rays shaded together, so that arrays stay in the cache
EDGE_SHARE = 0.02  # relative depth step between neighbours that counts as an edge


@dataclass(frozen=True)
class View:
    """One rendered image before the sensor sees it."""

    colour: Floats  # (H, W, 3) linear radiance
    depth_m: Floats  # (H, W) Z at pixel centres, NaN where nothing was hit
    normals: Floats  # (H, W, 3) unit, camera frame, towards the camera


def render(
    env: Environment, camera: PinholeCamera, world_from_camera: Matrix, samples: int, shine: float
) -> View:
    """Ray-cast view. `samples` extra rays smooth each pixel on an edge, `shine` multiplies reflections."""
    pose = world_from_camera.astype(np.float32)
    rays = camera.rays.reshape(-1, 3)
    hits, colour = _look(env, camera, pose, rays, shine)
    edges = np.flatnonzero(_edges(env, hits, camera.size)) if samples else np.zeros(0, int)
    if len(edges):
        total = colour[edges].copy()
        for k in range(samples):
            angle = 2 * np.pi * (k + 0.25) / samples
            shift = np.array(
                [0.36 * np.cos(angle) / camera.fx, 0.36 * np.sin(angle) / camera.fy, 0], np.float32
            )
            total += _look(env, camera, pose, rays[edges] + shift, shine)[1]
        colour[edges] = total / np.float32(samples + 1)
    depth = np.where(hits.triangle == NO_HIT, np.nan, hits.distance).astype(np.float32)
    return View(
        colour.reshape(*camera.size, 3), depth.reshape(camera.size), _normals(env, hits, pose, rays, camera)
    )


def _normals(env: Environment, hits: Hits, pose: Floats, rays: Floats, camera: PinholeCamera) -> Floats:
    normal = env.surfaces.normal[hits.triangle] @ pose[:3, :3]
    away = np.einsum("ij,ij->i", normal, rays) > 0
    normal = np.where(away[:, None], -normal, normal)
    normal[hits.triangle == NO_HIT] = np.nan
    return normal.reshape(*camera.size, 3).astype(np.float32)


def _look(
    env: Environment, camera: PinholeCamera, pose: Floats, rays: Floats, shine: float
) -> tuple[Hits, Floats]:
    """What (N, 3) camera rays hit and the colour (N, 3) they see."""
    parts: list[tuple[Hits, Floats]] = []
    for start in range(0, len(rays), BLOCK):
        directions = rays[start : start + BLOCK] @ pose[:3, :3].T
        hits = env.caster.cast(pose[:3, 3], directions)
        parts.append((hits, _shade(env, hits, pose[:3, 3], directions, 1 / camera.fx, shine)))
    return Hits.join([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _shade(env: Environment, hits: Hits, eye: Floats, rays: Floats, pixel_rad: float, shine: float) -> Floats:
    """Linear RGB (N, 3): texture times light, plus highlights, mirrored surroundings and what glows."""
    tri = hits.triangle
    normal = env.surfaces.normal[tri]
    length = np.sqrt(np.einsum("ij,ij->i", rays, rays))
    view = rays / length[:, None]
    facing = np.einsum("ij,ij->i", normal, view)
    normal = np.where(facing[:, None] > 0, -normal, normal)
    facing = np.abs(facing)
    points = eye + hits.distance[:, None] * rays
    material = env.surfaces.material[tri]
    footprint = hits.distance * length * np.float32(pixel_rad) * np.maximum(facing, 0.05) ** -0.4
    albedo = _texture(env, hits, material, footprint) * env.surfaces.tint[tri]
    colour = albedo * (_irradiance(env, hits, normal, points) + env.table["emit"][material][:, None])
    if shine > 0:
        gloss = env.table["gloss"][material] * np.float32(shine)
        _add_reflections(env, colour, points, view, normal, facing, gloss, env.table["rough"][material])
    colour[tri == NO_HIT] = 0
    return np.asarray(colour)


def _texture(env: Environment, hits: Hits, material: NDArray[np.int16], footprint_m: Floats) -> Floats:
    uv = _interpolate(env.surfaces.uv, hits)
    tile = env.table["tile_m"][material]
    page = env.table["page"][material].astype(np.int32)
    return env.palette.atlas.sample(
        page, uv / tile[:, None], footprint_m * env.texel_scale[hits.triangle] / tile
    )


def _interpolate(values: Floats, hits: Hits) -> Floats:
    """Values (T, 3, C) at the corners, at the hits (N, C)."""
    corners = values[hits.triangle]
    w1, w2 = hits.weights[:, :1], hits.weights[:, 1:]
    return np.asarray(corners[:, 0] * (1 - w1 - w2) + corners[:, 1] * w1 + corners[:, 2] * w2)


def _irradiance(env: Environment, hits: Hits, normal: Floats, points: Floats) -> Floats:
    """Light (N, 3), with the sun's shadow traced per pixel where it may fall."""
    out = _interpolate(env.light.irradiance, hits)
    if env.sun is not None:
        cosine = normal @ env.sun.direction
        asked = np.flatnonzero((env.light.sun[hits.triangle].max(1) > 0) & (cosine > 0))
        if len(asked):
            start = points[asked] + np.float32(OFFSET_M) * normal[asked]
            lit = asked[~env.occluders.blocked(start, env.sun.direction)]
            out[lit] += cosine[lit, None] * env.sun.power
    return out


def _add_reflections(
    env: Environment,
    colour: Floats,
    points: Floats,
    view: Floats,
    normal: Floats,
    facing: Floats,
    gloss: Floats,
    rough: Floats,
) -> None:
    """Blurred mirror images on smooth floors, worktops and glazes (Schlick's Fresnel term), in place."""
    fresnel = 0.04 + 0.96 * (1 - facing) ** 5
    share = np.minimum(gloss * fresnel * 1.8, 0.9)
    shiny = np.flatnonzero(share > 0.012)
    if not len(shiny):
        return
    v, n = view[shiny], normal[shiny]
    mirrored = v - 2 * np.einsum("ij,ij->i", v, n)[:, None] * n
    hits = env.caster.cast(points[shiny] + np.float32(OFFSET_M) * n, mirrored)
    material = env.surfaces.material[hits.triangle]
    flat = env.means[material] * env.surfaces.tint[hits.triangle]
    seen = flat * (_interpolate(env.light.irradiance, hits) + env.table["emit"][material][:, None])
    seen[hits.triangle == NO_HIT] = 0
    colour[shiny] += seen * (share[shiny] * (1 - np.minimum(rough[shiny], 0.8)))[:, None]


def _edges(env: Environment, hits: Hits, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose right or lower neighbour differs in material, orientation or depth."""
    kind = env.surfaces.material[hits.triangle].reshape(size)
    inverse = (1 / np.maximum(hits.distance, 1e-3)).reshape(size)
    edge = np.zeros(size, bool)
    for axis in (0, 1):
        step = np.abs(np.diff(inverse, axis=axis)) > EDGE_SHARE * np.delete(inverse, -1, axis)
        step |= np.diff(kind, axis=axis) != 0
        edge |= np.pad(step, [(0, 1), (0, 0)] if axis == 0 else [(0, 0), (0, 1)])
        edge |= np.pad(step, [(1, 0), (0, 0)] if axis == 0 else [(0, 0), (1, 0)])
    return edge.reshape(-1)
