# SPDX-License-Identifier: Apache-2.0
"""A wall parallel to the image whose right view is an exact shift of the left one, and a pipeline that knows it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from geo_perception.frames import StereoLidarFrame
from geo_perception.geometry import PinholeCamera, StereoRig, depth_to_points, se3
from geo_perception.pipelines import FusedDepth

HEIGHT, WIDTH = 60, 96
FIRST_RETURN_ROW = 24
WALL_M = 10.0
RIG = StereoRig(PinholeCamera(100.0, 100.0, 47.5, 29.5, WIDTH, HEIGHT), 0.5)  # 50 px m: the wall has 5 px
CAMERA_FROM_LIDAR = se3.transform(np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], float), (0.0, -0.1, -0.2))


def texture(seed: int, width: int = WIDTH) -> np.ndarray:
    """(HEIGHT, width, 3) uint8, smooth enough to interpolate in."""
    noise = np.random.default_rng(seed).uniform(0, 255, (HEIGHT, width, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 1.5), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def returns_of(depth_m: np.ndarray, step: int = 6) -> np.ndarray:
    """(N, 4) lidar points of every `step`-th pixel below FIRST_RETURN_ROW."""
    points_cam = depth_to_points(depth_m, RIG.left)[FIRST_RETURN_ROW::step, ::step].reshape(-1, 3)
    points = se3.apply(se3.inverse(CAMERA_FROM_LIDAR), points_cam)
    return np.column_stack([points, np.full(len(points), 0.5)]).astype(np.float32)


def wall(name: str = "000000", seed: int = 0, truth: bool = True) -> StereoLidarFrame:
    """The wall at WALL_M, with truth everywhere or none."""
    depth_m = np.full((HEIGHT, WIDTH), WALL_M, np.float32)
    shift = round(RIG.focal_baseline / WALL_M)
    scene = texture(seed, WIDTH + shift)
    return StereoLidarFrame(
        name=name,
        stamp_ns=1_000_000_000 + seed * 100_000_000,
        left=scene[:, :WIDTH].copy(),
        right=scene[:, shift:].copy(),
        points_lidar=returns_of(depth_m),
        rig=RIG,
        camera_from_lidar=CAMERA_FROM_LIDAR,
        depth_truth_m=depth_m if truth else None,
    )


def without_truth(frame: StereoLidarFrame) -> StereoLidarFrame:
    return replace(frame, depth_truth_m=None)


def answer(fused_m: float, stereo_m: float = 12.0, lidar_m: float = 9.0) -> FusedDepth:
    """Constant maps: what a pipeline might say about the wall."""

    def plane(depth_m: float) -> np.ndarray:
        return np.full((HEIGHT, WIDTH), depth_m, np.float32)

    sparse = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    sparse[FIRST_RETURN_ROW::6, ::6] = WALL_M
    return FusedDepth(plane(fused_m), plane(0.25), plane(stereo_m), plane(lidar_m), sparse, {"fusion": 1.5})
