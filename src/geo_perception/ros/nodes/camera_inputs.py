# SPDX-License-Identifier: Apache-2.0
"""What every node needs of a camera's messages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import InputError
from geo_perception.geometry import PinholeCamera
from geo_perception.ros import conversions


def calibration_key(info: Any) -> tuple[Any, ...]:
    """Equal for CameraInfos that describe the same camera."""
    roi = info.roi
    numbers = (np.asarray(info.k).tobytes(), np.asarray(info.p).tobytes(), info.width, info.height)
    return (*numbers, info.binning_x, info.binning_y, roi.x_offset, roi.y_offset, roi.width, roi.height)


def decode_sized(message: Any, camera: PinholeCamera) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of the calibrated size.

    Raises:
        InputError: missing, malformed, or of another size.
    """
    if message is None:
        raise InputError("missing")
    rgb = conversions.decode_rgb(message)
    check_size(rgb, camera)
    return rgb


def check_size(rgb: NDArray[np.uint8], camera: PinholeCamera) -> None:
    """Raise InputError if an image has not the size that its CameraInfo says."""
    if rgb.shape[:2] != camera.size:
        height, width = rgb.shape[:2]
        raise InputError(f"image is {width}x{height}, its CameraInfo says {camera.width}x{camera.height}")
