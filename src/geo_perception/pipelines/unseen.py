# SPDX-License-Identifier: Apache-2.0
"""Masking of depth where rectification left the image without content."""

from __future__ import annotations

import cv2
import numpy as np

from geo_perception._types import Array, Image
from geo_perception.geometry import PinholeCamera

# Rectification leaves black, which JPEG makes nearly black. That a camera's calibration puts a pixel outside the
# picture is no proof by itself: the image may have come unrectified, and has a picture everywhere then.
BLACK = 16
RECTIFIED = 0.75  # share of what should be black that must be, to take all of it as such: its edge fades

MOSTLY = 0.6  # share of black beyond which an image says little


def blank_unseen(depth_m: Array, image: Image, camera: PinholeCamera | None) -> None:
    """Set depth to NaN where the camera's image was rectified and shows nothing.

    A pixel counts if the calibration puts it outside the image as taken and it is black, or nearly all such pixels are.
    Black elsewhere is a dark scene and keeps its depth.

    Args:
        depth_m: (H, W), changed in place.
        image: (H, W, 3) RGB.
        camera: of that image.
    """
    outside = None if camera is None else camera.outside
    if outside is None:
        return
    black = (cv2.inRange(image, (0, 0, 0), (BLACK, BLACK, BLACK)) > 0) & outside
    nearly_all = np.count_nonzero(black) >= RECTIFIED * np.count_nonzero(outside)
    depth_m[outside if nearly_all else black] = np.nan


def black_note(image: Image) -> str:
    """Describe an image that is mostly without content."""
    black = cv2.countNonZero(cv2.inRange(image, (0, 0, 0), (0, 0, 0))) / (image.shape[0] * image.shape[1])
    return f"{black:.0%} of the image is black: its depth is a guess" if black > MOSTLY else ""
