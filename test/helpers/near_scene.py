# SPDX-License-Identifier: Apache-2.0
"""A box nearer than stereo's search before a textured wall, exact to the pixel, and the sky above."""

from __future__ import annotations

import cv2
import numpy as np

from geo_perception.frames import StereoLidarFrame
from geo_perception.geometry import PinholeCamera, StereoRig, depth_to_points

WALL_PX, BOX_PX = 20, 200  # disparities
SKY_ROWS = 60
BOX = slice(110, 220), slice(300, 440)  # rows and columns in the left image


def texture(height: int, width: int, seed: int, sigma: float) -> np.ndarray:
    """(height, width, 3) uint8 noise of one size of grain."""
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width)).astype(np.float32)
    grey = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), sigma), None, 20, 235, cv2.NORM_MINMAX)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def near_scene(scale: int = 1, sky: bool = False, step: int = 4) -> StereoLidarFrame:
    """640 x 240 times `scale`, wall and box at the same disparities times `scale`; returns on every `step`-th pixel."""
    height, width, wall_px, box_px = (scale * n for n in (240, 640, WALL_PX, BOX_PX))
    rig = StereoRig(PinholeCamera(500.0 * scale, 500.0 * scale, width / 2, height / 2, width, height), 0.5)
    rows, columns = (slice(scale * s.start, scale * s.stop) for s in BOX)
    scene = texture(height, width + wall_px, 0, 1.5 * scale)
    box = texture(rows.stop - rows.start, columns.stop - columns.start, 1, 2.0 * scale)
    left, right = scene[:, :width].copy(), scene[:, wall_px:].copy()
    depth_m = np.full((height, width), rig.focal_baseline / wall_px, np.float32)
    if sky:
        left[: scale * SKY_ROWS] = right[: scale * SKY_ROWS] = 225
        depth_m[: scale * SKY_ROWS] = np.nan
    left[rows, columns] = box
    right[rows, slice(columns.start - box_px, columns.stop - box_px)] = box
    depth_m[rows, columns] = rig.focal_baseline / box_px
    noise = np.random.default_rng(2).normal(0, 1.5, (2, height, width, 1))
    left, right = (np.clip(i + n, 0, 255).astype(np.uint8) for i, n in zip((left, right), noise, strict=True))
    camera_from_lidar = np.eye(4)
    camera_from_lidar[:3, :3] = [[0, -1, 0], [0, 0, -1], [1, 0, 0]]
    spots = depth_to_points(depth_m, rig.left)[::step, ::step].reshape(-1, 3)
    spots = spots[np.isfinite(spots[:, 2])] @ camera_from_lidar[:3, :3]
    points = np.column_stack((spots, np.full(len(spots), 0.5))).astype(np.float32)
    return StereoLidarFrame("near", 0, left, right, points, rig, camera_from_lidar, depth_m)
