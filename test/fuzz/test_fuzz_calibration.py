# SPDX-License-Identifier: Apache-2.0
"""Calibration files, whatever is in them, give a camera or one error of ours."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from helpers.mutation import EXAMPLES, damaged_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo_perception.datasets.calibration import read_calibration as read_kitti
from geo_perception.datasets.rgbd.camera_source import read_calibration as read_yaml
from geo_perception.errors import GeoPerceptionError

fuzzed = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))

ROS_YAML = b"""image_width: 64
image_height: 48
camera_name: front
camera_matrix: {rows: 3, cols: 3, data: [50.0, 0, 31.5, 0, 50.0, 23.5, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [-0.2, 0.05, 0.001, -0.001, 0.0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [48.0, 0, 31.5, 0, 0, 48.0, 23.5, 0, 0, 0, 1, 0]}
"""
KITTI_OBJECT = b"""P0: 50 0 32 0 0 50 24 0 0 0 1 0
P1: 50 0 32 -25 0 50 24 0 0 0 1 0
P2: 50 0 32 3 0 50 24 0.2 0 0 1 0.003
P3: 50 0 32 -22 0 50 24 0.2 0 0 1 0.003
R0_rect: 1 0 0 0 1 0 0 0 1
Tr_velo_to_cam: 0 -1 0 0 0 0 -1 -0.08 1 0 0 -0.27
"""
KITTI_RAW = b"""calib_time: 09-Jan-2012 13:57:47
corner_dist: 9.950000e-02
S_rect_02: 64 48
R_rect_00: 1 0 0 0 1 0 0 0 1
P_rect_02: 50 0 32 3 0 50 24 0 0 0 1 0
P_rect_03: 50 0 32 -22 0 50 24 0 0 0 1 0
R: 0 -1 0 0 0 -1 1 0 0
T: 0 -0.08 -0.27
"""


def written(folder: str, name: str, content: bytes) -> Path:
    path = Path(folder) / name
    path.write_bytes(content)
    return path


@fuzzed
@given(damaged_text(ROS_YAML))
def test_camera_files_of_ros(content: bytes) -> None:
    image = np.full((48, 64, 3), 90, np.uint8)
    with tempfile.TemporaryDirectory() as folder, suppress(GeoPerceptionError):
        rectified, camera = read_yaml(written(folder, "camera.yaml", content))(image, "a.png")
        assert rectified.shape == image.shape and camera.size == (48, 64)
        assert np.isfinite(camera.K).all()


@fuzzed
@given(st.sampled_from((KITTI_OBJECT, KITTI_RAW)).flatmap(damaged_text))
def test_calibration_files_of_kitti(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(GeoPerceptionError):
        calibration = read_kitti(written(folder, "calib.txt", content))
        rig = calibration.rig(64, 48)
        assert np.isfinite(rig.left.K).all() and 0 < rig.baseline_m < np.inf
        if calibration.camera_from_lidar is not None:
            assert np.isfinite(calibration.camera_from_lidar).all()
