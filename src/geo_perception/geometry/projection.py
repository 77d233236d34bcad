# SPDX-License-Identifier: Apache-2.0
"""Lidar points into the image: projection, and removal of returns the camera cannot see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import InputError
from geo_perception.geometry.camera import PinholeCamera

Array = NDArray[np.float32]

MIN_DEPTH_M = 0.1  # nearer returns hit the vehicle itself and would explode under division


def project_lidar(points_cam: Array, camera: PinholeCamera) -> Array:
    """Sparse depth (H, W) in metres, NaN where no point falls; of several points the nearest wins.

    Args:
        points_cam: (N, >=3) points in the camera's optical frame, metres; rows with NaN are ignored.
        camera: the rectified camera.

    Raises:
        InputError: points are not (N, >=3).
    """
    if points_cam.ndim != 2 or points_cam.shape[1] < 3:
        raise InputError(f"points must be (N, 3) or wider, got {points_cam.shape}")
    depth = np.full(camera.height * camera.width, np.inf, np.float32)
    x, y, z = points_cam[:, 0], points_cam[:, 1], points_cam[:, 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        u = np.float32(camera.fx) * x / z + np.float32(camera.cx + 0.5)
        v = np.float32(camera.fy) * y / z + np.float32(camera.cy + 0.5)
        seen = (z > MIN_DEPTH_M) & (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    pixel = v[seen].astype(np.int32) * camera.width + u[seen].astype(np.int32)
    np.minimum.at(depth, pixel, z[seen])
    depth[np.isinf(depth)] = np.nan
    return depth.reshape(camera.height, camera.width)
