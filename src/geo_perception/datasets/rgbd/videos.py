# SPDX-License-Identifier: Apache-2.0
"""Videos as `RgbdFrame`s of one camera, each frame at the time that the file gives it.

A frame rate is no substitute: phones and browsers record at one that varies, and browsers write none at all, of which
OpenCV makes 1000 frames a second.
"""

from __future__ import annotations

import logging
import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from geo_perception._types import Image
from geo_perception.datasets.images import HEAD_BYTES, refuse_heif
from geo_perception.datasets.rgbd.camera_source import FieldOfView, Lens
from geo_perception.datasets.rgbd.stated_camera import SAME_ASPECT
from geo_perception.errors import DataError
from geo_perception.frames import RgbdFrame
from geo_perception.geometry.plausibility import POSSIBLE_PIXEL_ASPECT, report_doubts

logger = logging.getLogger(__name__)


RATES_HZ = (1.0, 250.0)  # that are taken from a header where the frames themselves have no times
FASTEST_HZ, LOOKED_AT = 500.0, 8  # more frames a second over so many frames are no times but their lack
USUAL_GAP_S = 1 / 30
COUNTED_SUFFIXES, COMPLETE = (".mp4", ".mov", ".m4v", ".avi"), 0.9  # whose headers count the frames
FFMPEG_QUIET = "-8"
TURNED_RIGHT_SINCE = (4, 7)  # before, OpenCV turned what phones took upright the wrong way


def read_video(path: Path, lens: Lens) -> Iterator[RgbdFrame]:
    """Read the frames of a video, upright, at the times of their container; the first one a frame's time after 0.

    A field of view describes the image as displayed, so that non-square pixels are resampled to squares for it. A
    calibration describes the pixels as stored.

    Raises:
        DataError: no video that OpenCV can read, or one without frames, without times, or whose size changes.
    """
    with _opened(path) as video:
        clock, shape = _Clock(path, video.get(cv2.CAP_PROP_FPS)), None
        while (image := _next(video, path)) is not None:
            shape = shape or image.shape
            if image.shape != shape:
                raise DataError(f"video {path}: frame {clock.count} is {image.shape}, the first is {shape}")
            stamp_ns = clock.stamp_ns(video.get(cv2.CAP_PROP_POS_MSEC))
            if isinstance(lens, FieldOfView):
                image = square_pixels(image, pixel_aspect(video), path)
            rectified, camera = lens(image, str(path))
            yield RgbdFrame(f"{clock.count - 1:06d}", rectified, camera, stamp_ns=stamp_ns)
        if not clock.count:
            raise DataError(f"video {path} holds no frame that OpenCV can read")
        clock.finish(video.get(cv2.CAP_PROP_FRAME_COUNT))


class _Clock:
    """Converts the times that OpenCV reports to increasing stamps."""

    def __init__(self, path: Path, rate_hz: float) -> None:
        low, high = RATES_HZ
        self.path, self.count = path, 0
        self._gap_s = 1 / rate_hz if low <= rate_hz <= high else None  # that the header knows
        self._first_ms = self._last_s = 0.0
        self._gaps_s: list[float] = []
        self._without: list[int] = []  # frames that have no time of their own

    def stamp_ns(self, position_ms: float) -> int:
        """Compute the next frame's stamp. Raises DataError if the file has no times."""
        if not self.count:
            self._first_ms, seconds = position_ms, 0.0
        else:
            seconds = (position_ms - self._first_ms) / 1e3
            if not seconds > self._last_s:  # also where it is not finite
                self._without.append(self.count)
                seconds = self._last_s + self._usual_gap_s()
            else:
                self._gaps_s.append(seconds - self._last_s)
        self.count, self._last_s = self.count + 1, seconds
        if self.count == LOOKED_AT:
            self._check_rate()
        return round(1e9 * (seconds + (self._gap_s or USUAL_GAP_S)))

    def finish(self, promised: float) -> None:
        """Log which times were interpolated and which frames are missing. Raises DataError as `stamp_ns` does."""
        self._check_rate()
        if self._without:
            logger.warning(
                "video %s: %d of %d frames have no time in the file, first %06d; they follow at %.3g s as the others "
                "or the header have it", self.path, len(self._without), self.count, self._without[0],
                self._usual_gap_s(),
            )  # fmt: skip
        if self.path.suffix.lower() in COUNTED_SUFFIXES and self.count < COMPLETE * promised < 1e9:
            logger.warning(
                "video %s ended after %d frames, its header promises %d: it is cut or damaged",
                self.path, self.count, promised,
            )  # fmt: skip

    def _usual_gap_s(self) -> float:
        if self._gaps_s:
            return statistics.median(self._gaps_s)
        if self._gap_s is None:
            raise self._without_times()
        return self._gap_s

    def _check_rate(self) -> None:
        if self.count > 1 and self._last_s < (self.count - 1) / FASTEST_HZ:
            raise self._without_times()

    def _without_times(self) -> DataError:
        return DataError(
            f"video {self.path} holds no times of its frames that OpenCV can read (or more than {FASTEST_HZ:g} frames "
            "a second); rewrite it with them: ffmpeg -i FILE -r 30 NEW.mp4, with the rate it was taken at"
        )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a video with the messages of OpenCV and FFmpeg off; errors are reported once, by the caller."""
    _check_file(path)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", FFMPEG_QUIET)
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    # absolute, as FFmpeg takes what stands before a colon for a protocol
    video = cv2.VideoCapture(str(path.absolute()))
    try:
        if not video.isOpened():
            raise DataError(f"{path} is no image, no bag, and no video that OpenCV can read")
        yield video
    finally:
        video.release()
        cv2.utils.logging.setLogLevel(level)


def _check_file(path: Path) -> None:
    try:
        if not path.is_file():
            raise DataError(f"{path} {'is no file' if path.exists() else 'does not exist'}")
        with path.open("rb") as file:
            refuse_heif(file.read(HEAD_BYTES), f"image {path}")
    except OSError as error:
        raise DataError(f"video {path} cannot be read: {error.strerror}") from error


def _next(video: Any, path: Path) -> Image | None:
    """Read the next frame, (H, W, 3) RGB, turned as the file says; None after the last one."""
    try:
        there, bgr = video.read()
        if not there:
            return None
        image = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    except cv2.error as error:
        raise DataError(f"video {path} cannot be decoded: {' '.join(str(error).split())}") from error
    if _is_sideways(video) and opencv_version() < TURNED_RIGHT_SINCE:
        return np.ascontiguousarray(image[::-1, ::-1])
    return image


def _is_sideways(video: Any) -> bool:
    return int(video.get(cv2.CAP_PROP_ORIENTATION_META)) % 180 == 90


def pixel_aspect(video: Any) -> float:
    """Return a pixel's width over its height in the turned image; 1 where the file states none."""
    columns, rows = (video.get(side) for side in (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN))
    if not (columns > 0 and rows > 0):
        return 1.0
    return float(rows / columns if _is_sideways(video) else columns / rows)


def square_pixels(image: Image, pixel_aspect: float, path: Path) -> Image:
    """Resize the image (H, W, 3) in width so that pixels of this width over height become squares; this is logged."""
    height, width = image.shape[:2]
    if abs(pixel_aspect - 1) <= SAME_ASPECT:
        return image
    if not 1 / POSSIBLE_PIXEL_ASPECT <= pixel_aspect <= POSSIBLE_PIXEL_ASPECT:
        said = f"pixels {pixel_aspect:.4g} times as wide as high, as the file has it, cannot be: taken as squares"
        report_doubts(f"video {path}", (said,))
        return image
    shown = max(1, round(width * pixel_aspect))
    said = (
        f"pixels are {pixel_aspect:.4g} times as wide as high: images are resized from {width}x{height} to "
    )
    report_doubts(f"video {path}", (f"{said}{shown}x{height}",))
    return np.asarray(cv2.resize(image, (shown, height), interpolation=cv2.INTER_AREA), np.uint8)


def opencv_version() -> tuple[int, int]:
    """Return OpenCV's major and minor version."""
    major, minor, *_ = cv2.__version__.split(".")
    return int(major), int(minor)
