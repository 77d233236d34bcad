# SPDX-License-Identifier: Apache-2.0
"""A small street without a simulator: textured ground and a box, with exact images, returns and depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_perception.frames import StereoLidarFrame
from geo_perception.geometry import PinholeCamera, StereoRig, se3

HEIGHT_M = 1.65  # of the camera above the ground
BOX_M = (12.0, -2.0, 2.0)  # depth, left and right end of the near box
WALL_M = 40.0


def small_rig() -> StereoRig:
    """KITTI's field of view at 320 x 96."""
    return StereoRig(PinholeCamera(190.0, 190.0, 159.5, 43.0, 320, 96), 0.54)


def truth(rig: StereoRig, shift_m: float = 0.0) -> NDArray[np.float32]:
    """Depth (H, W) seen from a camera `shift_m` right of the left one."""
    rays = rig.left.rays
    with np.errstate(divide="ignore"):
        ground = np.where(rays[..., 1] > 0, HEIGHT_M / rays[..., 1], np.inf)
    depth = np.minimum(ground, WALL_M)
    box = (np.abs(rays[..., 0] * BOX_M[0] + shift_m) < BOX_M[2]) & (rays[..., 1] * BOX_M[0] > -0.8)
    return np.where(box & (depth > BOX_M[0]), BOX_M[0], depth).astype(np.float32)


def texture(x: NDArray[np.float32], y: NDArray[np.float32], z: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A grey RGB pattern fixed to the surfaces."""
    waves = sum(
        np.sin(f * x + 1.7 * k) * np.cos(f * (y + z) + k) for k, f in enumerate((1.3, 3.1, 6.7, 11.0, 17.0))
    )
    return np.repeat(np.clip(128 + 25 * waves, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def plane_frame(beams: int = 24) -> StereoLidarFrame:
    """Frame whose lidar stands 8 cm above and 27 cm behind the camera; returns on every fourth row."""
    rig = small_rig()
    left, right = truth(rig), truth(rig, rig.baseline_m)
    rays = rig.left.rays
    points = [depth[..., None] * rays for depth in (left, right)]
    points[1][..., 0] += rig.baseline_m
    images = [texture(p[..., 0], p[..., 1], p[..., 2]) for p in points]
    camera_from_lidar = np.eye(4)
    camera_from_lidar[:3, :3] = [[0, -1, 0], [0, 0, -1], [1, 0, 0]]
    camera_from_lidar[:3, 3] = (0.0, -0.08, -0.27)
    rows = np.linspace(36, 94, beams).astype(int)
    returns_cam = points[0][rows].reshape(-1, 3)
    returns = se3.apply(se3.inverse(camera_from_lidar), returns_cam)
    sweep = np.column_stack((returns, np.full(len(returns), 0.5))).astype(np.float32)
    return StereoLidarFrame("plane", 0, images[0], images[1], sweep, rig, camera_from_lidar, left)
