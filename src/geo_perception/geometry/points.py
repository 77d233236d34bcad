# SPDX-License-Identifier: Apache-2.0
"""Depth images to organised points and back."""

from __future__ import annotations

import numpy as np

from geo_perception._types import Array
from geo_perception.errors import InputError
from geo_perception.geometry.camera import PinholeCamera


def depth_to_points(depth_m: Array, camera: PinholeCamera, out: Array | None = None) -> Array:
    """Compute (H, W, 3) points in the optical frame; unknown depth (NaN) gives NaN points.

    Args:
        depth_m: (H, W) metres along the optical axis.
        camera: its size must equal the image's.
        out: optional (H, W, 3) array to write into, any strides (e.g. the xyz fields of a message buffer).

    Raises:
        InputError: the sizes differ.
    """
    if depth_m.shape != camera.size:
        raise InputError(f"depth is {depth_m.shape}, camera is {camera.size} (height, width)")
    return np.multiply(camera.rays, depth_m[..., None], out=out)
