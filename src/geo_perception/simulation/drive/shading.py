# SPDX-License-Identifier: Apache-2.0
"""Shading: texture, sun with cast shadows, skylight, mirrored surroundings, haze."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.simulation.casting import NO_HIT, Caster, Hits, Surfaces
from geo_perception.simulation.drive.atlas import Atlas
from geo_perception.simulation.drive.material_textures import fractal
from geo_perception.simulation.drive.materials import MATERIALS, column
from geo_perception.simulation.drive.sky import Sky
from geo_perception.simulation.textures import remap

_LEAFY = np.array([m.leafy for m in MATERIALS.values()])
_GLASS = np.array([m.glass for m in MATERIALS.values()])
MACRO_TILE_M = 37.0  # period of the slow brightness changes; no multiple of any texture's tile


@dataclass(frozen=True)
class Light:
    """Inputs of the shader that do not depend on the view."""

    sky: Sky
    atlas: Atlas
    macro: Array  # (SIZE, SIZE, 1) slow noise
    haze_m: float
    reflections: float

    @classmethod
    def make(cls, sky: Sky, atlas: Atlas, haze_m: float, reflections: float) -> Light:
        """Make the light of a drive."""
        macro = np.clip(fractal(np.random.default_rng(11), 1.1, 4), -2.5, 2.5)
        return cls(sky, atlas, macro[..., None], haze_m, reflections)


def radiance(
    light: Light,
    caster: Caster,
    surfaces: Surfaces,
    hits: Hits,
    eye: Array,
    directions: Array,
    pixel_rad: float,
) -> Array:
    """Shade hits: linear RGB (N, 3) seen from `eye` along `directions` (N, 3), the unit of `hits.distance`."""
    length = np.linalg.norm(directions, axis=1).astype(np.float32)
    unit = directions / length[:, None]
    out = np.empty((len(directions), 3), np.float32)
    seen = hits.triangle != NO_HIT
    out[~seen] = light.sky.radiance(unit[~seen])
    some = Hits(hits.distance[seen], hits.triangle[seen], hits.weights[seen])
    out[seen] = _surface(light, caster, surfaces, some, eye, directions[seen], length[seen], pixel_rad)
    return out


def _surface(
    light: Light,
    caster: Caster,
    surfaces: Surfaces,
    hits: Hits,
    eye: Array,
    rays: Array,
    length: Array,
    pixel_rad: float,
) -> Array:
    view = rays / length[:, None]
    range_m = hits.distance * length
    normal = surfaces.normal[hits.triangle]
    facing = np.einsum("ij,ij->i", normal, view)
    normal = np.where(facing[:, None] > 0, -normal, normal)
    facing = np.abs(facing)
    material = surfaces.material[hits.triangle]
    texture = _texture(
        light, surfaces, hits, material, range_m * pixel_rad * np.maximum(facing, 0.02) ** -0.4
    )
    albedo = texture[:, :3] * surfaces.tint[hits.triangle]
    points = eye + hits.distance[:, None] * rays
    colour = albedo * _incoming(light, caster, points, normal, _LEAFY[material])
    colour += _mirror(
        light, view, normal, facing, texture[:, 3] * column("gloss")[material], _GLASS[material]
    )
    clear = np.exp(-range_m / np.float32(light.haze_m))[:, None]
    return np.asarray(colour * clear + light.sky.haze * (1 - clear))


def _texture(
    light: Light, surfaces: Surfaces, hits: Hits, material: NDArray[np.int16], footprint_m: Array
) -> Array:
    """Look up (N, 4) texture colour and gloss, with slow brightness changes laid over them."""
    corners = surfaces.uv[hits.triangle]
    w1, w2 = hits.weights[:, :1], hits.weights[:, 1:]
    uv = corners[:, 0] * (1 - w1 - w2) + corners[:, 1] * w1 + corners[:, 2] * w2
    texture = light.atlas.sample(material, uv, footprint_m)
    size = np.float32(light.macro.shape[0])
    place = np.mod(uv * np.float32(1 / MACRO_TILE_M), 1) * (size - 1)
    slow = remap(light.macro, place[:, 0], place[:, 1])[:, 0]
    texture[:, :3] *= (1 + column("macro")[material] * slow).clip(0.1)[:, None]
    return texture


def _incoming(light: Light, caster: Caster, points: Array, normal: Array, leafy: NDArray[np.bool_]) -> Array:
    """Compute irradiance (N, 3): skylight by how far up a surface faces, plus the sun where nothing blocks it."""
    sky = light.sky
    cosine = normal @ sky.sun_direction
    cosine = np.where(leafy, 0.35 + 0.4 * np.abs(cosine), cosine)
    sunlit = cosine > 0 if sky.sun.max() > 0 else np.zeros(len(cosine), bool)
    towards = np.where(normal @ sky.sun_direction > 0, np.float32(1), np.float32(-1))[:, None] * normal
    origins = points[sunlit] + 0.03 * towards[sunlit] + 0.05 * sky.sun_direction
    sunlit[sunlit] = ~caster.blocked(origins, sky.sun_direction)
    sun = np.where(sunlit, cosine, 0).astype(np.float32)[:, None] * sky.sun
    up = (0.55 + 0.45 * normal[:, 2:]) * np.where(leafy, 0.6, 1.0)[:, None].astype(np.float32)
    return np.asarray(sun + up * sky.ambient * 2.2)


def _mirror(
    light: Light, view: Array, normal: Array, facing: Array, gloss: Array, glass: NDArray[np.bool_]
) -> Array:
    """Reflect the surroundings in glossy surfaces (Schlick's Fresnel term); mirror images move and mislead stereo."""
    out = np.zeros_like(view)
    shiny = gloss > 0.02
    v, n = view[shiny], normal[shiny]
    mirrored = v - 2 * np.einsum("ij,ij->i", v, n)[:, None] * n
    base = np.where(glass[shiny], 0.12, 0.05)
    share = (base + (1 - base) * (1 - facing[shiny]) ** 5) * 1.6 + 0.1
    strength = np.minimum(gloss[shiny] * share * light.reflections * 1.5, 1.0).astype(np.float32)
    out[shiny] = light.sky.mirrored(mirrored.astype(np.float32)) * strength[:, None]
    return out
