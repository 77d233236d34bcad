# SPDX-License-Identifier: Apache-2.0
"""A small scene whose depth is known: a textured wall that fills the view of both cameras and of the lidar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_perception.geometry import PinholeCamera, StereoRig

WIDTH, HEIGHT = 160, 64
DISPARITY_PX = 8
RIG = StereoRig(PinholeCamera(100.0, 100.0, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT), 0.5)
DEPTH_M = 100.0 * 0.5 / DISPARITY_PX  # 6.25 m
# lidar: x forward, y left, z up, at the left camera's centre
CAMERA_FROM_LIDAR = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], np.float64)


def images(seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Left and right RGB images of the wall."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (HEIGHT // 2, (WIDTH + DISPARITY_PX) // 2, 3), np.uint8)
    wide = blocks.repeat(2, axis=0).repeat(2, axis=1)
    return np.ascontiguousarray(wide[:, :WIDTH]), np.ascontiguousarray(wide[:, DISPARITY_PX:])


def sweep(step: float = 0.01) -> NDArray[np.float32]:
    """(N, 4) returns of the wall, denser than the pixels are not: every 4th pixel or so."""
    y, z = np.meshgrid(np.arange(-0.8, 0.8, 4 * step) * DEPTH_M, np.arange(-0.3, 0.3, 4 * step) * DEPTH_M)
    points = np.zeros((y.size, 4), np.float32)
    points[:, 0], points[:, 1], points[:, 2], points[:, 3] = DEPTH_M, y.ravel(), z.ravel(), 0.5
    return points
