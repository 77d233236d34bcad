# SPDX-License-Identifier: Apache-2.0
"""Images without depth: those of a folder, or of a video, as `RgbdFrame`s of one camera."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception.datasets.images import read_rgb
from geo_perception.datasets.indoor.lens import Lens
from geo_perception.errors import DataError
from geo_perception.frames import RgbdFrame

Image8 = NDArray[np.uint8]

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp")
MAX_RATE_HZ = 1000.0
FFMPEG_QUIET = "-8"


def picture_files(path: Path) -> list[Path]:
    """The images of a folder, img2 before img10, or the one image that the path is. Empty if there is none."""
    files = sorted(path.iterdir(), key=_natural) if path.is_dir() else [path]
    return [file for file in files if file.suffix.lower() in PICTURE_SUFFIXES and file.is_file()]


def read_pictures(files: list[Path], lens: Lens, period_ns: int) -> Iterator[RgbdFrame]:
    """The images in the given order, one every `period_ns`.

    Raises:
        DataError: a file is missing or damaged, or they differ in size: one camera takes one size.
    """
    first: Image8 | None = None
    for index, file in enumerate(files):
        image = read_rgb(file, upright=True)
        first = image if first is None else first
        if image.shape != first.shape:
            raise DataError(
                f"{file} is {image.shape[1]}x{image.shape[0]}, {files[0].name} is {first.shape[1]}x{first.shape[0]}: "
                "the images of one camera have one size"
            )
        rectified, camera = lens(image, str(file))
        yield RgbdFrame(file.stem, rectified, camera, stamp_ns=(index + 1) * period_ns)


def read_video(path: Path, lens: Lens) -> Iterator[RgbdFrame]:
    """The frames of a video at the times that its frame rate gives them.

    Raises:
        DataError: no video that OpenCV can read, or one without frames or frame rate.
    """
    with _opened(path) as video:
        rate_hz = video.get(cv2.CAP_PROP_FPS)
        if not 0 < rate_hz <= MAX_RATE_HZ:
            raise DataError(
                f"video {path} says a frame rate of {rate_hz:g}/s, allowed: up to {MAX_RATE_HZ:g}"
            )
        count = 0
        while (bgr := _next(video)) is not None:
            rectified, camera = lens(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), str(path))
            stamp_ns = round((count + 1) * 1e9 / rate_hz)
            yield RgbdFrame(f"{count:06d}", rectified, camera, stamp_ns=stamp_ns)
            count += 1
        if not count:
            raise DataError(f"video {path} holds no frame that OpenCV can read")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The video, with the remarks of OpenCV and FFmpeg off: what is wrong is said once, by us."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", FFMPEG_QUIET)
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    video = cv2.VideoCapture(str(path))
    try:
        if not video.isOpened():
            raise DataError(f"{path} is no image, no bag, and no video that OpenCV can read")
        yield video
    finally:
        video.release()
        cv2.utils.logging.setLogLevel(level)


def _next(video: Any) -> Image8 | None:
    there, bgr = video.read()
    return bgr if there else None


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorts numbers by value."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]
