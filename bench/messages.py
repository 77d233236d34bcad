# SPDX-License-Identifier: Apache-2.0
"""ROS messages of KITTI size: decoding two images and a sweep, encoding a cloud, against a memory copy."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from bench.table import Row, median_ms
from geo_perception.geometry import PinholeCamera
from geo_perception.ros import conversions

CAMERA = PinholeCamera(721.5377, 721.5377, 609.5593, 172.854, 1242, 375)
POINTS = 120_000
REPEATS = 51


def run() -> list[Row]:
    """Rows for image decode, sweep decode, depth and cloud encoding; one thread, as on a busy robot."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return _rows()
    finally:
        cv2.setNumThreads(threads)


def _rows() -> list[Row]:
    rng = np.random.default_rng(0)
    header = conversions.header(1, "camera")
    rgb = rng.integers(0, 256, (*CAMERA.size, 3), np.uint8)
    depth_m = rng.uniform(2, 80, CAMERA.size).astype(np.float32)
    sweep = rng.normal(size=(POINTS, 4)).astype(np.float32)
    rgb_msg, bgr_msg = (conversions.encode_image(rgb, name, header) for name in ("rgb8", "bgr8"))
    sweep_msg = conversions.encode_points(sweep, header)
    encoder = conversions.DepthCloudEncoder(CAMERA)
    return [
        _row("decode image rgb8 1242x375", rgb.nbytes, lambda: conversions.decode_rgb(rgb_msg)),
        _row("decode image bgr8 1242x375", rgb.nbytes, lambda: conversions.decode_rgb(bgr_msg)),
        _row("decode sweep of 120k points", sweep.nbytes, lambda: conversions.decode_points(sweep_msg)),
        _row("encode image 32FC1", depth_m.nbytes, lambda: conversions.encode_depth(depth_m, header)),
        _row("encode organised XYZRGB cloud", rgb.size // 3 * 16, lambda: encoder(depth_m, rgb, header)),
    ]


def _row(name: str, size: int, function: Callable[[], object]) -> Row:
    """Time of `function` against copying `size` bytes (ratio above 1: faster than the copy)."""
    source, target = np.random.default_rng(1).integers(0, 256, size, np.uint8), np.zeros(size, np.uint8)
    ratios, times = [], []
    for _ in range(REPEATS):  # alternating, so that both see the same caches and the same neighbours
        copy_ms = median_ms(lambda: np.copyto(target, source), 1, 0)
        times.append(median_ms(function, 1, 0))
        ratios.append(copy_ms / times[-1])
    return Row(name, float(np.median(times)), float(np.median(ratios)), "one memory copy of its bytes")
