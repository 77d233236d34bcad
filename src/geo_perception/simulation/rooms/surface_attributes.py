# SPDX-License-Identifier: Apache-2.0
"""Attributes of triangles, laid out for the shader: one array a quantity, so that many hits are looked up at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.simulation.casting import Hits, Surfaces
from geo_perception.simulation.mesh import Mesh


@dataclass(frozen=True)
class SurfaceAttributes:
    """Appearance of T lit triangles; values that differ over a triangle are given at its three corners."""

    normal: Array  # (3, T) unit
    tint: Array  # (3, T)
    places: Array  # (3 corners, 2, T) texture coordinates in pages
    light: Array  # (3 corners, 3, T) irradiance without the sun's direct light, and what glows by itself
    mirrored: Array  # (3 corners, 3, T) radiance without texture, as blurred reflections show it
    page: NDArray[np.int32]  # (T,)
    pages_per_m: Array  # (T,)
    gloss: Array  # (T,)
    clear: Array  # (T,) share of a reflection that roughness leaves

    @classmethod
    def of(
        cls, mesh: Mesh, surfaces: Surfaces, irradiance: Array, table: dict[str, Array], means: Array
    ) -> SurfaceAttributes:
        """Collect attributes from irradiance (T, 3, 3) at corners, and from columns and mean colours of materials."""
        column = {name: values[mesh.material] for name, values in table.items()}
        tint = _by_quantity(mesh.tint)
        light = _by_quantity(irradiance) + column["emit"]
        return cls(
            normal=_by_quantity(surfaces.normal),
            tint=tint,
            places=_by_quantity(mesh.uv) / column["tile_m"],
            light=light,
            mirrored=light * (tint * _by_quantity(means[mesh.material])),
            page=column["page"].astype(np.int32),
            pages_per_m=_texel_scale(mesh) / column["tile_m"],
            gloss=column["gloss"],
            clear=1 - np.minimum(column["rough"], np.float32(0.8)),
        )


def interpolated(corners: Array, hits: Hits) -> Array:
    """Interpolate values (3, C, T) at corners to (C, N) at hits."""
    out = corners[0].take(hits.triangle, 1)
    out *= hits.shares[0]
    for values, share in zip(corners[1:], hits.shares[1:], strict=True):
        part = values.take(hits.triangle, 1)
        part *= share
        out += part
    return np.asarray(out)


def _by_quantity(values: Array) -> Array:
    """Move the triangles' axis of (T, ...) to the end."""
    return np.ascontiguousarray(np.moveaxis(values, 0, -1), np.float32)


def _texel_scale(mesh: Mesh) -> Array:
    """Compute texture units per metre (T,), relative to a material in metres."""
    e1, e2 = mesh.corners[:, 1] - mesh.corners[:, 0], mesh.corners[:, 2] - mesh.corners[:, 0]
    area = np.linalg.norm(np.cross(e1, e2), axis=1)
    t1, t2 = mesh.uv[:, 1] - mesh.uv[:, 0], mesh.uv[:, 2] - mesh.uv[:, 0]
    texture = np.abs(t1[:, 0] * t2[:, 1] - t1[:, 1] * t2[:, 0])
    return np.asarray(np.sqrt(texture / np.maximum(area, 1e-12)), np.float32)
