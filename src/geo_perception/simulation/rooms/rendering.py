# SPDX-License-Identifier: Apache-2.0
"""Views of an environment: linear colour with anti-aliased edges, exact depth and normals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Matrix
from geo_perception.geometry import PinholeCamera
from geo_perception.simulation.casting import NO_HIT, Hits
from geo_perception.simulation.rooms.environment import Environment
from geo_perception.simulation.rooms.light_samples import OFFSET_M
from geo_perception.simulation.rooms.surface_attributes import interpolated

BLOCK = 20000  # rays shaded together, so that arrays stay in the cache
FAINTEST = 0.012  # share of mirrored light below which it is not traced
STRONG = 0.06  # share above which edges in reflections are smoothed, too
EDGE_SHARE = 0.02  # relative step or bend of inverse depth at a pixel that counts as an edge


@dataclass(frozen=True)
class RenderedView:
    """One rendered image before the sensor sees it."""

    colour: Array  # (H, W, 3) linear radiance
    depth_m: Array  # (H, W) Z at pixel centres, NaN where nothing was hit
    normals: Array  # (H, W, 3) unit, camera frame, towards the camera


def render(
    env: Environment, camera: PinholeCamera, world_from_camera: Matrix, samples: int, shine: float
) -> RenderedView:
    """Ray-cast a view. `samples` extra rays smooth each pixel on an edge, `shine` multiplies reflections."""
    pose = world_from_camera.astype(np.float32)
    rays = np.ascontiguousarray(camera.rays.reshape(-1, 3).T)
    hits, colour, weak = _look(env, camera, pose, rays, shine, FAINTEST)
    edges = np.flatnonzero(_edges(env, hits, camera.size)) if samples else np.zeros(0, int)
    if len(edges):
        # Weak reflections are left to the ray at the centre: steps in them are invisible.
        around = _look(env, camera, pose, _around(rays.take(edges, 1), camera, samples), shine, STRONG)[1]
        total = colour.take(edges, 1) + around.reshape(3, samples, -1).sum(1)
        colour[:, edges] = total * np.float32(1 / (samples + 1))
    colour += weak
    depth = np.where(hits.triangle == NO_HIT, np.nan, hits.distance).astype(np.float32)
    normals = _normals(env, hits, pose, rays)
    return RenderedView(_image(colour, camera.size), depth.reshape(camera.size), _image(normals, camera.size))


def _image(values: Array, size: tuple[int, int]) -> Array:
    """Rearrange values (3, H * W) to (H, W, 3)."""
    return np.ascontiguousarray(values.T).reshape(*size, 3)


def _around(rays: Array, camera: PinholeCamera, samples: int) -> Array:
    """Compute (3, samples * N) rays on a circle within each pixel of rays (3, N)."""
    angle = 2 * np.pi * (np.arange(samples) + 0.25) / samples
    shifts = np.stack([0.36 * np.cos(angle) / camera.fx, 0.36 * np.sin(angle) / camera.fy, 0 * angle])
    return (rays[:, None] + shifts.astype(np.float32)[..., None]).reshape(3, -1)


def _normals(env: Environment, hits: Hits, pose: Array, rays: Array) -> Array:
    """Compute unit normals (3, N) at hits in the camera's frame."""
    normal = rotated(pose[:3, :3].T, env.looks.normal.take(hits.triangle, 1))
    normal *= np.where(dot(normal, rays) > 0, np.float32(-1), np.float32(1))
    normal[:, hits.triangle == NO_HIT] = np.nan
    return normal


def _look(
    env: Environment, camera: PinholeCamera, pose: Array, rays: Array, shine: float, faintest: float
) -> tuple[Hits, Array, Array]:
    """Cast camera rays (3, N): hits, colour (3, N), and the weak reflections (3, N) to be added to it."""
    parts: list[tuple[Hits, Array, Array]] = []
    for some in np.array_split(rays, -(-rays.shape[1] // BLOCK), axis=1):
        directions = rotated(pose, some)
        hits = env.caster.cast(pose[:3, 3], directions.T)
        parts.append((hits, *_shade(env, hits, pose[:3, 3], directions, 1 / camera.fx, shine, faintest)))
    joined = Hits.join([part[0] for part in parts])
    return joined, np.concatenate([p[1] for p in parts], 1), np.concatenate([p[2] for p in parts], 1)


def rotated(matrix: Array, vectors: Array) -> Array:
    """Rotate `vectors` (3, N) by `matrix`; written out, so that no library starts threads for it."""
    x, y, z = vectors
    return np.stack([a * x + b * y + c * z for a, b, c in matrix[:3, :3]])


def dot(a: Array, b: Array) -> Array:
    """Compute (N,) scalar products of vectors (3, N) or (3,)."""
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


def _shade(
    env: Environment, hits: Hits, eye: Array, rays: Array, pixel_rad: float, shine: float, faintest: float
) -> tuple[Array, Array]:
    """Compute linear RGB (3, N) of texture times light, emission, strong reflections; and, apart, weak ones (3, N)."""
    tri, looks = hits.triangle, env.looks
    length: Array = np.sqrt(dot(rays, rays))
    normal = looks.normal.take(tri, 1)
    facing: Array = dot(normal, rays) / length
    normal *= np.where(facing > 0, np.float32(-1), np.float32(1))
    facing = np.asarray(np.abs(facing))
    points = eye[:, None] + hits.distance * rays
    footprint = hits.distance * length * np.float32(pixel_rad) * np.maximum(facing, 0.05) ** np.float32(-0.4)
    colour = looks.tint.take(tri, 1)
    colour *= env.palette.atlas.sample(
        looks.page.take(tri), interpolated(looks.places, hits), footprint * looks.pages_per_m.take(tri)
    )
    light = interpolated(looks.light, hits)
    _add_sun(env, light, tri, normal, points)
    colour *= light
    colour[:, tri == NO_HIT] = 0
    if shine == 0:
        return colour, np.zeros_like(colour)
    share = _mirrored_share(looks.gloss.take(tri) * np.float32(shine), facing)
    share[(tri == NO_HIT) | (share < faintest)] = 0
    mirrored, strong = _reflections(env, hits, points, rays / length, normal, share), share > STRONG
    return colour + mirrored * strong, mirrored * ~strong


def _add_sun(
    env: Environment, light: Array, triangle: NDArray[np.int64], normal: Array, points: Array
) -> None:
    """Add the sun's light in place, with shadows traced per pixel where they may fall."""
    if env.sun is None:
        return
    cosine = dot(env.sun.direction, normal)
    asked = np.flatnonzero(env.sunny.take(triangle) & (cosine > 0))
    if len(asked):
        start = points.take(asked, 1) + np.float32(OFFSET_M) * normal.take(asked, 1)
        lit = asked[~env.occluders.blocked(start.T, env.sun.direction)]
        light[:, lit] += env.sun.power[:, None] * cosine.take(lit)


def _mirrored_share(gloss: Array, facing: Array) -> Array:
    """Compute the share (N,) of light that is mirrored (Schlick's Fresnel term)."""
    off = 1 - facing
    fresnel = np.float32(0.04) + np.float32(0.96) * (off * off) * (off * off) * off
    return np.asarray(np.minimum(gloss * fresnel * np.float32(1.8), np.float32(0.9)))


def _reflections(
    env: Environment, hits: Hits, points: Array, view: Array, normal: Array, share: Array
) -> Array:
    """Compute blurred mirror images (3, N) on smooth floors, worktops and glazes."""
    out = np.zeros_like(points)
    shiny = np.flatnonzero(share)
    v, n = view.take(shiny, 1), normal.take(shiny, 1)
    mirrored = v - 2 * dot(v, n) * n
    start = points.take(shiny, 1) + np.float32(OFFSET_M) * n
    there = env.caster.cast(start.T, mirrored.T)
    seen = interpolated(env.looks.mirrored, there)
    seen[:, there.triangle == NO_HIT] = 0
    out[:, shiny] = seen * (share.take(shiny) * env.looks.clear.take(hits.triangle.take(shiny)))
    return out


def _edges(env: Environment, hits: Hits, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Find pixels whose neighbours differ in material, or where inverse depth, linear over a plane, bends."""
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
