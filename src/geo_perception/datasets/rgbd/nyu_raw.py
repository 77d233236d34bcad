# SPDX-License-Identifier: Apache-2.0
"""Raw recordings of NYU Depth v2: depth in the Kinect's numbers, neither undistorted nor registered to colour.

Calibration: camera_params.m of its toolbox (Silberman et al., ECCV 2012; cs.nyu.edu/~silberman), pixels counted from 1.
Its axes point the other way, so that rotation and shift change their signs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geo_perception._types import Array
from geo_perception.datasets.rgbd.cameras import NYU, Sensor
from geo_perception.datasets.rgbd.depth_encodings import read_nyu_pgm
from geo_perception.datasets.rgbd.registration import DistortedCamera, registered

DEPTH = Sensor("NYU's depth camera", 582.624, 582.691, 312.045, 237.444)
COLOUR_DISTORTION = (0.20796615, -0.58613825, 0.00072231, 0.00104796, 0.49856987)
DEPTH_DISTORTION = (-0.09989724, 0.39065325, 0.00192906, -0.00194220, -0.51031725)
COLOUR_FROM_DEPTH = np.array(
    [
        [0.99997799, -0.00503599, -0.00431966, -0.02503188],
        [0.00505184, 0.99998052, 0.00366624, 0.00029342],
        [0.00430112, -0.00368798, 0.99998395, -0.00066239],
        [0, 0, 0, 1],
    ],
    np.float64,
)  # metres

REGISTERED = "raw: depth is moved to the pixels of the distorted colour image by the toolbox's calibration"


def read_depth(path: Path) -> Array:
    """Read (H, W) metres in the colour camera's view, 0 = unknown.

    Raises:
        DataError: missing, damaged, no raw Kinect depth, or of another aspect than a Kinect's.
    """
    depth_m = read_nyu_pgm(path)
    height, width = depth_m.shape
    measured = DistortedCamera(DEPTH.camera(width, height), DEPTH_DISTORTION)
    return registered(
        depth_m, measured, DistortedCamera(NYU.camera(width, height), COLOUR_DISTORTION), COLOUR_FROM_DEPTH
    )
