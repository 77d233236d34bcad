# SPDX-License-Identifier: Apache-2.0
"""Cameras of RGB-D folders, from a calibration file or, without one, of the sensor that the layout stands for.

Readers for evaluation and for training call the same functions, so that they cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from geo_perception.datasets.rgbd.calibration_files import FoundCalibration, find_calibration
from geo_perception.datasets.rgbd.stated_camera import is_resized
from geo_perception.errors import DataError
from geo_perception.geometry import PinholeCamera
from geo_perception.geometry.plausibility import check_possible, doubts, report_doubts

# Tolerance for rounded sizes; ScanNet's 1296x968 are of another sensor than a Kinect's.
SENSOR_ASPECT = 0.003


@dataclass(frozen=True)
class Sensor:
    """Published intrinsics of a sensor's colour images."""

    name: str
    fx: float
    fy: float
    cx: float
    cy: float
    width: int = 640
    height: int = 480

    def camera(self, width: int, height: int) -> PinholeCamera:
        """Compute the camera of its images resized to this size. Raises DataError for another aspect."""
        if not is_resized((self.width, self.height), (width, height), SENSOR_ASPECT):
            raise DataError(
                f"images are {width}x{height} and no calibration lies beside them: intrinsics of {self.name}, for "
                f"{self.width}x{self.height}, would be stretched; add camera-intrinsics.txt (3x3, pixels)"
            )
        own = PinholeCamera(self.fx, self.fy, self.cx, self.cy, self.width, self.height)
        return own if (width, height) == (self.width, self.height) else own.scaled(width, height)


# PrimeSense's nominal values, with which OpenNI registers depth to colour; Redwood (redwood-data.org, "Indoor LidarRGBD
# / 3DScan" documentation) and Open3D (PinholeCameraIntrinsicParameters.PrimeSenseDefault) use them.
PRIMESENSE = Sensor("PrimeSense (nominal)", 525.0, 525.0, 319.5, 239.5)
# NYU Depth v2's toolbox, camera_params.m (cs.nyu.edu/~silberman): the colour camera, counted from 1 there.
NYU = Sensor("NYU's colour camera", 518.858, 519.470, 324.582, 252.736)
# "Intrinsic camera calibration of the Kinect" of the TUM benchmark (Sturm et al., IROS 2012; file formats page): the
# RGB cameras of the three robots. Its depth is registered to colour by OpenNI.
TUM = {
    1: Sensor("TUM freiburg1", 517.3, 516.5, 318.6, 255.3),
    2: Sensor("TUM freiburg2", 520.9, 521.0, 325.1, 249.7),
    3: Sensor("TUM freiburg3", 535.4, 539.2, 320.1, 247.6),
}
# ICL-NUIM (Handa et al., ICRA 2014): fy is published as -480, counted upwards.
ICL_NUIM = Sensor("ICL-NUIM", 481.20, 480.00, 319.5, 239.5)


@dataclass(frozen=True)
class FolderCamera:
    """The camera of a folder's images."""

    origin: str  # where it comes from, in words
    of_size: Callable[[int, int], PinholeCamera]  # width, height

    def __call__(self, _: object, width: int, height: int) -> PinholeCamera:
        """Return the camera of a frame whose image has this size. Raises DataError if the camera is impossible."""
        return self.of_size(width, height)


def checked_camera(root: Path, camera: PinholeCamera) -> PinholeCamera:
    """Return the camera after checking it; unusual values are logged. Raises InputError if it is impossible."""
    check_possible(camera)
    report_doubts(str(root), doubts(camera))
    return camera


def folder_camera(root: Path, default: Sensor, found: FoundCalibration | None = None) -> FolderCamera:
    """Find the camera of a folder: from its calibration file, else the default.

    Args:
        root: folder of the data set.
        default: the sensor that its layout stands for.
        found: its calibration, where that has been searched for already.

    Raises:
        DataError: a calibration file is damaged.
    """
    found = found or find_calibration(root)
    if found is not None:
        return FolderCamera(found.described(), found.camera)
    return FolderCamera(f"no calibration file: intrinsics of {default.name} are assumed", default.camera)


def tum_sensor(root: Path) -> Sensor:
    """Choose the sensor by the sequence in the folder's name; without one freiburg2's, 1% from 1 and 3% from 3."""
    named = re.search(r"(?:freiburg|fr)([123])(?!\d)", root.resolve().name)
    return TUM[int(named[1])] if named else TUM[2]


def numbered_sensor(root: Path) -> Sensor:
    """Choose the sensor of `rgb/` and `depth/` with counted names: ICL-NUIM where names say so, else a PrimeSense's."""
    named = re.search(
        r"(?i)icl[-_ ]?nuim|(living|office)[-_ ]?room[-_ ]?traj|(^|_)traj\d", root.resolve().name
    )
    return ICL_NUIM if named or any(root.glob("*.gt.freiburg")) else PRIMESENSE
