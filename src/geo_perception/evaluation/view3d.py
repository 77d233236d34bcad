# SPDX-License-Identifier: Apache-2.0
"""Rendering of a coloured depth map's points from a raised second viewpoint, by z-buffered splats in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Image
from geo_perception.geometry import PinholeCamera, depth_to_points, se3

BACKGROUND = 24  # near black, so that dark surfaces still stand out
CLOSE_M = 0.5  # nearer points would cover the whole view


@dataclass(frozen=True)
class Viewpoint:
    """Pose of the second camera relative to the first, looking ahead and down."""

    back_m: float = 6.0
    up_m: float = 5.0
    right_m: float = 2.5
    pitch_down_rad: float = 0.24
    yaw_left_rad: float = 0.08
    max_depth_m: float = 70.0  # farther points are mostly sky and hide nothing
    splat_m: float = 0.08  # side of a point: leaves no stripes on a road seen from above up to about 25 m

    @property
    def view_from_camera(self) -> NDArray[np.float64]:
        """Compute the 4x4 transform from the first camera's optical frame to the second's."""
        sp, cp = np.sin(self.pitch_down_rad), np.cos(self.pitch_down_rad)
        sy, cy = np.sin(self.yaw_left_rad), np.cos(self.yaw_left_rad)
        pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        rotation = pitch @ yaw
        return se3.transform(rotation, -rotation @ np.array([self.right_m, -self.up_m, -self.back_m]))


def render_cloud(
    depth_m: Array, rgb: Image, camera: PinholeCamera, viewpoint: Viewpoint | None = None
) -> Image:
    """Render a depth map's points to an image (H, W, 3) of the camera's size; nearer points cover farther ones.

    Args:
        depth_m: (H, W) metres, NaN = no point.
        rgb: (H, W, 3) their colours.
        camera: of the depth map, whose intrinsics the second view shares.
        viewpoint: pose of the second view; None: the default.
    """
    viewpoint = viewpoint or Viewpoint()
    with np.errstate(invalid="ignore"):
        shown = np.isfinite(depth_m) & (depth_m < viewpoint.max_depth_m)
    points = se3.apply(viewpoint.view_from_camera, depth_to_points(depth_m, camera)[shown])
    picture = np.full((camera.height, camera.width, 3), BACKGROUND, np.uint8)
    _splat(picture, points, rgb[shown], camera, viewpoint.splat_m)
    return picture


def _splat(picture: Image, points: Array, colours: Image, camera: PinholeCamera, splat_m: float) -> None:
    """Draw squares far to near, so that the nearest ones stay."""
    before = points[:, 2] > CLOSE_M
    points, colours = points[before], colours[before]
    order = np.argsort(-points[:, 2], kind="stable")
    points, colours = points[order], colours[order]
    u = camera.fx * points[:, 0] / points[:, 2] + camera.cx
    v = camera.fy * points[:, 1] / points[:, 2] + camera.cy
    sides = np.clip(np.ceil(splat_m * camera.fx / points[:, 2]), 1, 4).astype(np.int32)
    starts = np.searchsorted(sides, np.arange(1, 6))  # far first, so sides only grow
    for side, begin, end in zip(range(1, 5), starts[:-1], starts[1:], strict=True):
        _squares(picture, u[begin:end], v[begin:end], colours[begin:end], side)


def _squares(picture: Image, u: Array, v: Array, colours: Image, side: int) -> None:
    """Draw points in order, each with all its pixels, so that a later point covers an earlier one entirely."""
    height, width = picture.shape[:2]
    offsets = np.arange(side) - (side - 1) / 2 + 0.5
    columns = np.floor(u[:, None] + np.tile(offsets, side)).astype(np.int32)
    rows = np.floor(v[:, None] + np.repeat(offsets, side)).astype(np.int32)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    point = np.broadcast_to(np.arange(len(u))[:, None], inside.shape)
    picture[rows[inside], columns[inside]] = colours[point[inside]]
