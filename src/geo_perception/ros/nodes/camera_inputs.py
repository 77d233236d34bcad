# SPDX-License-Identifier: Apache-2.0
"""Shared handling of a camera's messages for the nodes."""

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
    numbers = tuple(np.asarray(matrix).tobytes() for matrix in (info.k, info.p, info.d, info.r))
    size = (info.width, info.height, info.binning_x, info.binning_y)
    return (*numbers, info.distortion_model, *size, roi.x_offset, roi.y_offset, roi.width, roi.height)


class DoubtLog:
    """Logs what is unusual about a calibration once, and again only when something else is."""

    def __init__(self) -> None:
        self._said: tuple[str, ...] = ()

    def __call__(self, logger: Any, doubts: tuple[str, ...]) -> None:
        """Warn on a node's logger."""
        if doubts and doubts != self._said:
            logger.warning(f"calibration: {'; '.join(doubts)}")
        self._said = doubts or self._said


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
