# SPDX-License-Identifier: Apache-2.0
"""Removal of lidar returns that the camera cannot see.

The lidar stands above the camera and looks past the edges of near objects; returns from behind such an object
project onto its image. They stand out because much nearer returns surround them.
"""

from __future__ import annotations

import cv2
import numpy as np

from geo_perception._types import Array
from geo_perception.errors import InputError
from geo_perception.geometry.camera import PinholeCamera

# Neighbouring beams are about 0.4 degrees apart on the usual 64-beam sensor: one and a half gaps above and below
# reach the surrounding foreground wherever it was hit at all.
WINDOW_RAD = (0.018, 0.0097)  # height, width; 13 x 7 pixels at KITTI's focal length
RELATIVE_DROP = 0.05  # nearness (1/Z) may fall this share below the nearest neighbour's ...
ABSOLUTE_DROP = (
    0.0026  # ... plus this many 1/m: the slope of flat ground over half a window, at 1.7 m sensor height
)


def visible_returns(sparse_depth_m: Array, camera: PinholeCamera) -> Array:
    """Set see-through returns of sparse depth (H, W) to NaN.

    A return is kept while its inverse depth is at least `(1 - 0.05) * nearest - 0.0026 / m`, where `nearest` is the
    largest inverse depth in the window around it. On inverse depth the tolerance equals the slope of the ground at
    every distance.

    Args:
        sparse_depth_m: (H, W) metres, NaN where there is no return.
        camera: gives the window its size in pixels.

    Raises:
        InputError: the sizes differ.
    """
    if sparse_depth_m.shape != camera.size:
        raise InputError(f"depth is {sparse_depth_m.shape}, camera is {camera.size} (height, width)")
    returns = np.flatnonzero(sparse_depth_m > 0)  # few pixels have one: what can be is done on them alone
    nearness = np.zeros(sparse_depth_m.size, np.float32)
    nearness[returns] = np.float32(1) / sparse_depth_m.take(returns)
    nearest = cv2.dilate(nearness.reshape(sparse_depth_m.shape), np.ones(_window(camera), np.uint8))
    limit = nearest.take(returns) * np.float32(1 - RELATIVE_DROP) - np.float32(ABSOLUTE_DROP)
    visible = returns[nearness[returns] >= limit]
    out: Array = np.full(sparse_depth_m.size, np.nan, np.float32)
    out[visible] = sparse_depth_m.take(visible)
    return out.reshape(sparse_depth_m.shape)


def inverse_or_zero(depth_m: Array) -> Array:
    """Compute 1 / depth of any shape, 0 where the depth is unknown."""
    out = np.zeros(depth_m.shape, np.float32)
    np.divide(np.float32(1), depth_m, out=out, where=depth_m > 0)
    return out


def _window(camera: PinholeCamera) -> tuple[int, int]:
    rows, columns = WINDOW_RAD[0] * camera.fy, WINDOW_RAD[1] * camera.fx
    return 2 * round((rows - 1) / 2) + 1, 2 * round((columns - 1) / 2) + 1
