# SPDX-License-Identifier: Apache-2.0
"""Small frames with every part filled, for whatever carries frames about."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geo_perception.frames import StereoLidarFrame
from geo_perception.geometry import PinholeCamera, StereoRig, se3

OPTICAL_FROM_BODY = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], float)
RIG = StereoRig(PinholeCamera(40.0, 41.0, 23.5, 11.0, 48, 24), 0.54)
PERIOD_NS = 100_000_000
START_NS = 1_000_000_000


def frame(index: int, points: int = 50, truth: bool = True, rig: StereoRig = RIG) -> StereoLidarFrame:
    """Random content that depends on the index alone."""
    rng = np.random.default_rng(index)
    pair = rng.integers(0, 256, (2, *rig.left.size, 3), np.uint8)
    depth_m = rng.uniform(2, 60, rig.left.size).astype(np.float32)
    depth_m[rng.random(depth_m.shape) < 0.2] = np.nan
    cloud = rng.uniform(1, 40, (points, 4)).astype(np.float32)
    camera_from_lidar = se3.transform(OPTICAL_FROM_BODY, (0.05, -0.07, -0.27))
    stamp_ns = START_NS + index * PERIOD_NS
    return StereoLidarFrame(
        f"{index:06d}", stamp_ns, pair[0], pair[1], cloud, rig, camera_from_lidar, depth_m if truth else None
    )


def frames(count: int, **options: bool | int) -> Iterator[StereoLidarFrame]:
    return (frame(index, **options) for index in range(count))
