# SPDX-License-Identifier: Apache-2.0
"""Ray casting against triangle soups, and attributes of the triangles that are hit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.dependencies import cure
from geo_perception.errors import MissingDependencyError
from geo_perception.simulation.mesh import Mesh

NO_HIT = -1


@dataclass(frozen=True)
class Hits:
    """First hits of N rays."""

    distance: Array  # (N,) in units of the ray direction's length; inf without a hit
    triangle: NDArray[np.int64]  # (N,) row of Surfaces, NO_HIT without
    weights: Array  # (N, 2) barycentric weights of the triangle's second and third corner

    @cached_property
    def shares(self) -> Array:
        """Barycentric weights (3, N) of all three corners."""
        b, c = self.weights.T
        return np.stack([1 - b - c, b, c])

    @classmethod
    def none(cls, count: int) -> Hits:
        """Make the hits of `count` rays that hit nothing."""
        return cls(
            np.full(count, np.inf, np.float32), np.full(count, NO_HIT), np.zeros((count, 2), np.float32)
        )

    @classmethod
    def join(cls, parts: list[Hits]) -> Hits:
        """Hits of consecutive blocks of rays."""
        return cls(
            *(np.concatenate([getattr(p, f) for p in parts]) for f in ("distance", "triangle", "weights"))
        )


@dataclass(frozen=True)
class Surfaces:
    """Attributes of T triangles."""

    uv: Array  # (T, 3, 2) texture metres
    normal: Array  # (T, 3) unit, either side
    material: NDArray[np.int16]  # (T,)
    tint: Array  # (T, 3)

    @classmethod
    def of(cls, mesh: Mesh) -> Surfaces:
        """Take the attributes of a mesh in world coordinates."""
        e1, e2 = mesh.corners[:, 1] - mesh.corners[:, 0], mesh.corners[:, 2] - mesh.corners[:, 0]
        normal = np.cross(e1, e2)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        return cls(mesh.uv, normal.astype(np.float32), mesh.material, mesh.tint)

    def followed_by(self, other: Surfaces) -> Surfaces:
        """Concatenate both sets, `other`'s rows after this one's."""
        pairs = ((getattr(self, f), getattr(other, f)) for f in ("uv", "normal", "material", "tint"))
        return Surfaces(*(np.concatenate(p) for p in pairs))


class Caster:
    """Casts rays into one or more ray-casting scenes and reports the nearest hit."""

    def __init__(self, meshes: list[Mesh], threads: int = 0) -> None:
        """Index `meshes`; `threads` 0 uses all cores, 1 suits processes that run in parallel."""
        self._core, scene_type = _open3d()
        self._threads = threads
        self._scenes = [(self._scene(scene_type, m), len(m.corners)) for m in meshes]

    def _scene(self, scene_type: Any, mesh: Mesh) -> Any:
        scene = scene_type(nthreads=self._threads)
        if len(mesh.corners):
            vertices = np.ascontiguousarray(mesh.corners.reshape(-1, 3))
            index = np.arange(len(vertices), dtype=np.uint32).reshape(-1, 3)
            scene.add_triangles(self._core.Tensor(vertices), self._core.Tensor(index))
        return scene

    def with_mesh(self, mesh: Mesh) -> Caster:
        """Make a caster that also hits `mesh`; it shares this one's scenes."""
        other = Caster([mesh], self._threads)
        other._scenes = [*self._scenes, *other._scenes]
        return other

    def cast(self, origin: Array, directions: Array) -> Hits:
        """Find the first hits of rays from `origin` (3,) or (N, 3) along `directions` (N, 3)."""
        rays = self._rays(origin, directions)
        best: Hits | None = None
        offset = 0
        for scene, count in self._scenes:
            if count:
                hits = self._one(scene, rays, offset)
                best = hits if best is None else _nearer(best, hits)
            offset += count
        if best is None:
            return Hits.none(len(directions))
        return best

    def blocked(self, origins: Array, direction: Array) -> NDArray[np.bool_]:
        """Test for each origin (N, 3) whether anything lies along `direction` (3,); returns (N,)."""
        rays = self._rays(origins, np.broadcast_to(direction, origins.shape))
        out = np.zeros(len(origins), bool)
        for scene, count in self._scenes:
            if count:
                out |= scene.test_occlusions(rays, nthreads=self._threads).numpy()
        return out

    def between(self, origins: Array, ends: Array) -> NDArray[np.bool_]:
        """Test for each origin (N, 3) whether anything lies between it and its end (N, 3); returns (N,)."""
        rays = self._rays(origins, ends - origins)
        out = np.zeros(len(origins), bool)
        for scene, count in self._scenes:
            if count:
                out |= scene.test_occlusions(rays, tfar=0.999, nthreads=self._threads).numpy()
        return out

    def _rays(self, origin: Array, directions: Array) -> Any:
        rays = np.empty((len(directions), 6), np.float32)
        rays[:, :3], rays[:, 3:] = origin, directions
        return self._core.Tensor.from_numpy(rays)  # shares the memory

    def _one(self, scene: Any, rays: Any, offset: int) -> Hits:
        answer = scene.cast_rays(rays, nthreads=self._threads)
        # All bits of a number are set where nothing was hit.
        triangle = answer["primitive_ids"].numpy().view(np.int32).astype(np.int64)
        if offset:
            triangle[triangle != NO_HIT] += offset
        return Hits(answer["t_hit"].numpy(), triangle, answer["primitive_uvs"].numpy())


def _nearer(a: Hits, b: Hits) -> Hits:
    take = b.distance < a.distance
    return Hits(
        np.where(take, b.distance, a.distance),
        np.where(take, b.triangle, a.triangle),
        np.where(take[:, None], b.weights, a.weights),
    )


def _open3d() -> tuple[Any, Any]:
    try:
        import open3d as o3d
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"simulation needs open3d ({cure('open3d')}) and its system libraries libusb-1.0-0, libgl1, libgomp1: "
            f"{error}"
        ) from error
    return o3d.core, o3d.t.geometry.RaycastingScene
