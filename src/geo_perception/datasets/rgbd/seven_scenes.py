# SPDX-License-Identifier: Apache-2.0
"""7-Scenes: recordings of a Kinect whose depth is not registered to colour.

Its authors (Shotton et al., CVPR 2013; microsoft.com/research, "RGB-D Dataset 7-Scenes") publish intrinsics of the
depth camera only, 585 px and the middle of 640x480. The relocalisation literature (Brachmann and Rother, DSAC*, TPAMI
2021; its successor ACE registers depth so) adds the Kinect's nominal 525 px for colour, and the transform from depth to
colour that LIRIS-VOIR measured on a Kinect (projet.liris.cnrs.fr/voir, "Kinect calibration").
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from geo_perception._types import Array, Matrix
from geo_perception.datasets.folders import by_stem, files_in
from geo_perception.datasets.rgbd.calibration_files import (
    FoundCalibration,
    find_calibration,
    find_calibration_above,
)
from geo_perception.datasets.rgbd.cameras import FolderCamera, Sensor, folder_camera
from geo_perception.datasets.rgbd.depth_files import METRES, MILLIMETRES, SENSOR_FARTHEST_M, DepthReader
from geo_perception.datasets.rgbd.registration import DistortedCamera, registered

COLOUR = Sensor("the Kinect's colour camera (nominal)", 525.0, 525.0, 320.0, 240.0)
DEPTH = Sensor("7-Scenes' depth camera", 585.0, 585.0, 320.0, 240.0)
COLOUR_FROM_DEPTH: Matrix = np.array(
    [
        [0.99996518, 0.00267651, -0.00790410, -0.02555894],
        [-0.00274093, 0.99996303, -0.00815045, 0.00010110],
        [0.00788199, 0.00817183, 0.99993555, 0.00203183],
        [0, 0, 0, 1],
    ],
    np.float64,
)  # metres

REGISTERED = (
    "depth is registered to colour by the nominal geometry of a Kinect: 525 px against 585, 2.6 cm aside"
)
AS_ONE = "depth is taken as registered to colour"


def images(root: Path) -> list[Path]:
    """List `frame-NNNNNN.color.{png,jpg}` by number. Raises DataError if two have one name."""
    found = files_in(root, pattern="frame-*.color.*")
    by_stem(found)
    return found


def cameras(root: Path) -> tuple[FolderCamera, bool]:
    """Return the colour camera, and whether depth still has to be registered to it.

    Other recorders write the same names beside a calibration of their own; it is used, and depth is taken as
    registered. A file that repeats the published 585 px describes the depth camera.

    Raises:
        DataError: a calibration file is damaged.
    """
    found = find_calibration(root) or find_calibration_above(root)
    if found is None or is_depth_camera(found):
        origin = f"no calibration of the colour camera: intrinsics of {COLOUR.name} are assumed"
        if found is not None:
            origin = f"{found.path.name} is of the depth camera; intrinsics of {COLOUR.name} are assumed"
        return FolderCamera(origin, COLOUR.camera), True
    return folder_camera(root, COLOUR, found), False


def is_depth_camera(found: FoundCalibration) -> bool:
    """Return whether a calibration holds the published intrinsics of the depth camera."""
    stated = found.alternatives[0]
    shares = np.diag(stated.K)[:2] / (stated.size or (DEPTH.width, DEPTH.height))
    return bool(np.allclose(shares, (DEPTH.fx / DEPTH.width, DEPTH.fy / DEPTH.height), rtol=1e-3))


def depth_reader(*, register: bool, empty: bool = False) -> DepthReader:
    """Make a reader of (h, w) metres in the colour camera's view at the depth image's size, 0 = unknown.

    Args:
        register: move depth from the depth camera's view to that of the colour camera.
        empty: accept a map without any depth.
    """
    unit = replace(METRES, integers=MILLIMETRES)
    return DepthReader(unit, SENSOR_FARTHEST_M, empty, to_colour if register else None)


def to_colour(depth_m: Array) -> Array:
    """Register (h, w) metres of the depth camera to the colour camera. Raises DataError for another aspect."""
    height, width = depth_m.shape
    views = DistortedCamera(DEPTH.camera(width, height)), DistortedCamera(COLOUR.camera(width, height))
    return registered(depth_m, *views, COLOUR_FROM_DEPTH)
