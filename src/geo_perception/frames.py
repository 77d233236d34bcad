# SPDX-License-Identifier: Apache-2.0
"""Frames, the sensor data of one moment, as data sets, simulators and bags hand them to pipelines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import DataError
from geo_perception.geometry.camera import PinholeCamera, StereoRig


@dataclass(frozen=True)
class StereoLidarFrame:
    """A rectified stereo pair and a lidar sweep of the same moment, with calibration and, perhaps, truth."""

    name: str  # unique within its sequence, e.g. "000007"
    stamp_ns: int
    left: NDArray[np.uint8]  # (H, W, 3) RGB
    right: NDArray[np.uint8]  # (H, W, 3) RGB
    points_lidar: NDArray[
        np.float32
    ]  # (N, 4) x, y, z in metres (x forward, z up) and reflectance 0..1; N may be 0
    rig: StereoRig
    camera_from_lidar: NDArray[np.float64]  # 4x4, lidar frame to the left camera's optical frame
    depth_truth_m: NDArray[np.float32] | None = None  # (H, W), NaN = unknown


@dataclass(frozen=True)
class RgbdFrame:
    """An image of one camera with, perhaps, its depth."""

    name: str  # unique within its data set
    image: NDArray[np.uint8]  # (H, W, 3) RGB
    camera: PinholeCamera  # of the image
    depth_truth_m: NDArray[np.float32] | None = None  # (h, w) of the same view, NaN = unknown
    stamp_ns: int = 0  # 0 for data without times


SAME_ASPECT = (
    0.01  # share by which two maps of one view may differ in aspect; their last pixel may be rounded, too
)


def same_aspect(size: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Return whether two sizes (height, width, ...) can be of one view in two resolutions."""
    one, two = size[1] * other[0], other[1] * size[0]
    return abs(one - two) <= max(SAME_ASPECT * min(one, two), *size[:2], *other[:2])


def check_aspect(size: tuple[int, ...], other: tuple[int, ...], name: str, other_name: str) -> None:
    """Raise DataError if sizes (height, width, ...) are of different views: comparing them would stretch one."""
    if not same_aspect(size, other):
        raise DataError(
            f"{name} is {size[1]}x{size[0]}, {other_name} is {other[1]}x{other[0]}: another aspect, so they do not "
            "show the same; crop or register them"
        )
