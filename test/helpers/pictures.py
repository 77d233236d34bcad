# SPDX-License-Identifier: Apache-2.0
"""Images and videos without depth, and bags of one camera, all tiny."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from helpers.indoor_model import CAMERA, HEIGHT, WIDTH, picture
from PIL import Image

from geo_perception.frames import RgbdFrame
from geo_perception.ros.bags import CAMERA_TOPICS, BagTopics, CameraMessages, write_bag

PERIOD_NS = 100_000_000
CALIBRATION = """\
image_width: {width}
image_height: {height}
camera_name: test
camera_matrix: {{rows: 3, cols: 3, data: [80, 0, 63.5, 0, 80, 47.5, 0, 0, 1]}}
distortion_model: plumb_bob
distortion_coefficients: {{rows: 1, cols: 5, data: [{k1}, 0, 0, 0, 0]}}
rectification_matrix: {{rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}}
projection_matrix: {{rows: 3, cols: 4, data: [80, 0, 63.5, 0, 0, 80, 47.5, 0, 0, 0, 1, 0]}}
"""


def save_image(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def image_folder(folder: Path, count: int = 3) -> Path:
    """One image of each of several kinds, in the order of their numbers."""
    suffixes = ("png", "jpg", "ppm", "bmp")
    for i in range(count):
        save_image(folder / f"view{8 + i}.{suffixes[i % len(suffixes)]}", picture(seed=i))
    (folder / "notes.txt").write_text("not an image")
    return folder


def video(path: Path, count: int = 3, rate_hz: float = 20.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate_hz, (WIDTH, HEIGHT))
    for i in range(count):
        writer.write(picture(seed=i)[..., ::-1])
    writer.release()
    return path


def calibration(path: Path, k1: float = 0.0, width: int = WIDTH, height: int = HEIGHT) -> Path:
    path.write_text(CALIBRATION.format(k1=k1, width=width, height=height))
    return path


def camera_frames(count: int = 3, *, truth: bool = True) -> Iterator[RgbdFrame]:
    depth_m = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    depth_m[0] = np.nan
    for i in range(count):
        stamp_ns = (i + 1) * PERIOD_NS
        yield RgbdFrame(f"{i:06d}", picture(seed=i), CAMERA, depth_m if truth else None, stamp_ns)


def camera_bag(path: Path, topics: BagTopics = CAMERA_TOPICS, count: int = 3, *, truth: bool = True) -> Path:
    write_bag(path, camera_frames(count, truth=truth), messages=CameraMessages(topics))
    return path
