# SPDX-License-Identifier: Apache-2.0
"""KITTI's sensor rig on the simulated car: published calibration, and true poses of the sensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geo_perception._types import Matrix
from geo_perception.geometry import PinholeCamera, StereoRig
from geo_perception.geometry.se3 import transform
from geo_perception.simulation.drive.config import DriveConfig
from geo_perception.simulation.drive.path import RoadPath

KITTI_CAMERA = PinholeCamera(721.5377, 721.5377, 609.5593, 172.854, 1242, 375)
BASELINE_M = 0.532725
CAMERA_HEIGHT_M = 1.65

_OPTICAL_FROM_BODY = np.array(
    [[0.0, -1, 0], [0, 0, -1], [1, 0, 0]]
)  # x forward, y left, z up -> x right, y down


def rotation(roll: float, pitch: float, yaw: float) -> Matrix:
    """Compute Rz(yaw) Ry(pitch) Rx(roll); angles in radians."""
    (cr, cp, cy), (sr, sp, sy) = np.cos([roll, pitch, yaw]), np.sin([roll, pitch, yaw])
    rx = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    ry = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    rz = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return np.asarray(rz @ ry @ rx)


# KITTI's chain P2 R0_rect Tr_velo_to_cam of 2011_09_26: these offsets and about 0.6 degrees of roll and pitch.
KITTI_CAMERA_FROM_LIDAR = transform(
    _OPTICAL_FROM_BODY @ rotation(0.01056, 0.01045, 0.0001), (0.0571, -0.0755, -0.2694)
)


@dataclass(frozen=True)
class Mounting:
    """Sensors of one car: published calibration, and true poses that deviate from it."""

    rig: StereoRig
    camera_from_lidar: Matrix  # as handed to users
    true_camera_from_lidar: Matrix

    @classmethod
    def draw(cls, seed: int, config: DriveConfig) -> Mounting:
        """Draw KITTI's calibration at the configured size, with this drive's small error."""
        rng = np.random.default_rng([seed, 8])
        angles = np.radians(0.03) * config.calibration_jitter * rng.standard_normal(3)
        shift = 0.01 * config.calibration_jitter * rng.standard_normal(3)
        error = transform(rotation(*angles), shift)
        rig = StereoRig(KITTI_CAMERA.scaled(config.width, config.height), BASELINE_M)
        return cls(rig, KITTI_CAMERA_FROM_LIDAR, error @ KITTI_CAMERA_FROM_LIDAR)


def world_from_camera(
    path: RoadPath, s: float, y: float, origin_s: float, rng: np.random.Generator, attitude_jitter: float
) -> Matrix:
    """Draw the pose of the left camera on the road at (s, y), with a little pitch and roll."""
    spots = np.array([[s, y, 0.04], [s + 1.5, y, 0.04], [s, y + 1, 0.04]], np.float32)
    here, ahead, left = path.bend(spots, origin_s).astype(np.float64)
    x_axis = (ahead - here) / np.linalg.norm(ahead - here)
    y_axis = left - here
    y_axis -= (y_axis @ x_axis) * x_axis
    y_axis /= np.linalg.norm(y_axis)
    body = np.stack([x_axis, y_axis, np.cross(x_axis, y_axis)], 1)
    sway = np.radians([0.3, 0.25, 0.6]) * attitude_jitter * rng.standard_normal(3)
    body = body @ rotation(*sway)
    return transform(body @ _OPTICAL_FROM_BODY.T, here + CAMERA_HEIGHT_M * body[:, 2])
