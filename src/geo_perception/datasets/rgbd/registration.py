# SPDX-License-Identifier: Apache-2.0
"""Registration of depth to the colour camera beside the camera that measured it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Matrix
from geo_perception.geometry import PinholeCamera


@dataclass(frozen=True)
class DistortedCamera:
    """One of a sensor's two cameras, with its lens distortion."""

    camera: PinholeCamera
    distortion: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)  # k1 k2 p1 p2 k3

    @property
    def rays(self) -> Matrix:
        """Compute (H, W, 3) viewing rays with z = 1 of the image as taken."""
        rows, columns = np.mgrid[: self.camera.height, : self.camera.width].astype(np.float64)
        pixels = np.stack((columns, rows), axis=-1).reshape(-1, 1, 2)
        rays = cv2.undistortPoints(pixels, self.camera.K, np.array(self.distortion))
        return np.dstack((rays.reshape(*self.camera.size, 2), np.ones(self.camera.size)))

    def pixels(self, points: Matrix) -> NDArray[np.int64]:
        """Project (N, 3) points in front of the camera to the nearest pixels (N, 2), column and row, as taken."""
        zero = np.zeros(3)
        projected, _ = cv2.projectPoints(points, zero, zero, self.camera.K, np.array(self.distortion))
        return np.asarray(np.rint(projected.reshape(-1, 2)), np.int64)


def registered(
    depth_m: Array, measured: DistortedCamera, seen: DistortedCamera, seen_from_measured: Matrix
) -> Array:
    """Move each pixel of depth to where the other camera sees it; of several that meet the nearest wins.

    Args:
        depth_m: (h, w) metres, 0 or NaN = unknown.
        measured: the depth camera.
        seen: the camera beside it.
        seen_from_measured: 4x4, from the depth camera's optical frame to the other's.

    Returns:
        (H, W) of the other camera, metres along its axis, 0 = unknown.
    """
    known = depth_m > 0
    points = measured.rays[known] * depth_m[known][:, None]
    points = points @ seen_from_measured[:3, :3].T + seen_from_measured[:3, 3]
    points = points[points[:, 2] > 0]
    camera, out = seen.camera, np.full(seen.camera.size, np.inf, np.float32)
    if len(points):
        columns, rows = seen.pixels(points).T
        inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
        np.minimum.at(out, (rows[inside], columns[inside]), points[inside, 2].astype(np.float32))
    return np.where(np.isfinite(out), out, np.float32(0))
