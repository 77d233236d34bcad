# SPDX-License-Identifier: Apache-2.0
"""Views of an environment: linear colour with anti-aliased edges, exact depth and normals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception.geometry import PinholeCamera
from geo_perception.simulation.casting import NO_HIT, Hits
from geo_perception.simulation.rooms.corners import OFFSET_M
from geo_perception.simulation.rooms.environment import Environment

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]
BLOCK = 32768  # rays shaded together, so that arrays stay in the cache
EDGE_SHARE = 0.02  # relative step or bend of inverse depth at a pixel that counts as an edge


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
    normal = rotated(pose[:3, :3].T, env.surfaces.normal[hits.triangle])
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
        directions = rotated(pose, rays[start : start + BLOCK])
        hits = env.caster.cast(pose[:3, 3], directions)
        parts.append((hits, _shade(env, hits, pose[:3, 3], directions, 1 / camera.fx, shine)))
    return Hits.join([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def rotated(matrix: Floats, vectors: Floats) -> Floats:
    """`vectors` (N, 3) times the rotation of `matrix`; written out, so that no library wakes its threads for it."""
    out = np.empty_like(vectors)
    for axis, (a, b, c) in enumerate(matrix[:3, :3]):
        out[:, axis] = a * vectors[:, 0] + b * vectors[:, 1] + c * vectors[:, 2]
    return out


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
    corners = _interpolate(env, hits)
    albedo = _texture(env, corners[:, :2], tri, material, footprint) * env.surfaces.tint[tri]
    light = corners[:, 2:]
    _add_sun(env, light, tri, normal, points)
    colour = albedo * (light + env.table["emit"][material][:, None])
    if shine > 0:
        gloss = env.table["gloss"][material] * np.float32(shine)
        _add_reflections(env, colour, points, view, normal, facing, gloss, env.table["rough"][material])
    colour[tri == NO_HIT] = 0
    return np.asarray(colour)


def _texture(
    env: Environment,
    uv: Floats,
    triangle: NDArray[np.int64],
    material: NDArray[np.int16],
    footprint_m: Floats,
) -> Floats:
    per_tile = np.float32(1) / env.table["tile_m"][material]
    page = env.table["page"][material].astype(np.int32)
    return env.palette.atlas.sample(
        page, uv * per_tile[:, None], footprint_m * env.texel_scale[triangle] * per_tile
    )


def _interpolate(env: Environment, hits: Hits) -> Floats:
    """(N, 5) texture coordinates and irradiance at hits."""
    corners = np.take(env.corners, hits.triangle, axis=0)
    w1, w2 = hits.weights[:, :1], hits.weights[:, 1:]
    out = corners[:, 0] * (1 - w1 - w2)
    out += corners[:, 1] * w1
    out += corners[:, 2] * w2
    return np.asarray(out)


def _add_sun(
    env: Environment, light: Floats, triangle: NDArray[np.int64], normal: Floats, points: Floats
) -> None:
    """The sun's light in place, its shadow traced per pixel where it may fall."""
    if env.sun is None:
        return
    cosine = normal @ env.sun.direction
    asked = np.flatnonzero(env.sunny[triangle] & (cosine > 0))
    if len(asked):
        start = points[asked] + np.float32(OFFSET_M) * normal[asked]
        lit = asked[~env.occluders.blocked(start, env.sun.direction)]
        light[lit] += cosine[lit, None] * env.sun.power


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
    seen = flat * (_interpolate(env, hits)[:, 2:] + env.table["emit"][material][:, None])
    seen[hits.triangle == NO_HIT] = 0
    colour[shiny] += seen * (share[shiny] * (1 - np.minimum(rough[shiny], 0.8)))[:, None]


def _edges(env: Environment, hits: Hits, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose neighbours differ in material, or where inverse depth, linear over a plane, bends."""
    kind = env.kind[hits.triangle].reshape(size)
    inverse = (1 / np.maximum(hits.distance, 1e-3)).reshape(size)
    edge = np.zeros(size, bool)
    bent = EDGE_SHARE * inverse
    right, down = np.s_[:, 1:-1], np.s_[1:-1]
    edge[right] |= np.abs(inverse[:, 2:] - 2 * inverse[right] + inverse[:, :-2]) > bent[right]
    edge[down] |= np.abs(inverse[2:] - 2 * inverse[down] + inverse[:-2]) > bent[down]
    other = kind[:, 1:] != kind[:, :-1]
    edge[:, 1:] |= other
    edge[:, :-1] |= other
    other = kind[1:] != kind[:-1]
    edge[1:] |= other
    edge[:-1] |= other
    return edge.reshape(-1)
