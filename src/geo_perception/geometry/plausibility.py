# SPDX-License-Identifier: Apache-2.0
"""Plausibility of intrinsics: one check for cameras from every source.

Readers of messages, files and folders call it once for each camera; crops and resized copies made later are not
checked. Of a crop that knows its whole image (`PinholeCamera.whole`) the whole is checked.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from geo_perception.errors import InputError

if TYPE_CHECKING:
    from geo_perception.geometry.camera import PinholeCamera


logger = logging.getLogger(__name__)


# No lens and no resizing leads beyond these limits: the numbers belong to another image, unit or matrix.
POSSIBLE_PIXEL_ASPECT = 3.0  # KITTI's images squeezed to 4:3 have 2.5
POSSIBLE_VIEW_DEG = (1.0, 178.0)  # focal lengths in millimetres or in shares of the width have more
POSSIBLE_CENTRE = 0.25  # how far outside the image the principal point may lie, as a share of the side

# Values beyond these are possible, but worth a warning: rectified pairs and cheap lenses stay within.
USUAL_PIXEL_ASPECT = 1.05
USUAL_VIEW_DEG = (10.0, 150.0)
USUAL_CENTRE = 0.12  # distance of the principal point from the image's middle, as a share of the side


def check_possible(camera: PinholeCamera) -> None:
    """Raise InputError if no camera and no resizing of its image has these intrinsics."""
    camera = camera.whole or camera
    if not 1 / POSSIBLE_PIXEL_ASPECT <= camera.fx / camera.fy <= POSSIBLE_PIXEL_ASPECT:
        raise InputError(
            f"fx {camera.fx:g} and fy {camera.fy:g} px cannot be of one camera: their ratio must be "
            f"1/{POSSIBLE_PIXEL_ASPECT:g} to {POSSIBLE_PIXEL_ASPECT:g}"
        )
    low, high = POSSIBLE_VIEW_DEG
    if not low <= view_deg(camera) <= high:
        raise InputError(
            f"fx {camera.fx:g}, fy {camera.fy:g} px of a {_size(camera)} image are a field of view of "
            f"{view_deg(camera):.3g} degrees, possible are {low:g} to {high:g}"
        )
    if max(_off_centre(camera)) > 0.5 + POSSIBLE_CENTRE:
        raise InputError(f"{_centre(camera)} lies far outside: intrinsics of another image")


def doubts(camera: PinholeCamera) -> tuple[str, ...]:
    """List what is unusual about possible intrinsics, one line each, both values named; usually nothing."""
    camera = camera.whole or camera
    said = []
    ratio = camera.fx / camera.fy
    if not 1 / USUAL_PIXEL_ASPECT <= ratio <= USUAL_PIXEL_ASPECT:
        said.append(
            f"fx {camera.fx:g} and fy {camera.fy:g} px of a {_size(camera)} image differ{_stretch(camera)}"
        )
    if max(_off_centre(camera)) > USUAL_CENTRE:
        said.append(f"{_centre(camera)} is far from its middle: of another resolution, or of a crop?")
    low, high = USUAL_VIEW_DEG
    if not low <= view_deg(camera) <= high:
        said.append(
            f"fx {camera.fx:g}, fy {camera.fy:g} px of a {_size(camera)} image are a field of view of "
            f"{view_deg(camera):.3g} degrees, usual are {low:g} to {high:g}"
        )
    return tuple(said)


def report_doubts(origin: str, said: Iterable[str]) -> None:
    """Log one warning for each, once in a process, because readers meet the same camera frame after frame."""
    for text in said:
        _warn_once(f"{origin}: {text}")


@lru_cache(maxsize=1024)
def _warn_once(text: str) -> None:
    logger.warning("%s", text)


def view_deg(camera: PinholeCamera) -> float:
    """Compute the larger of the horizontal and the vertical field of view of a centred camera, degrees."""
    side = max(camera.width / camera.fx, camera.height / camera.fy)
    return math.degrees(2 * math.atan(side / 2))


def _off_centre(camera: PinholeCamera) -> tuple[float, float]:
    """Compute the distance of the principal point from the middle, as shares of the sides."""
    x, y = (camera.cx + 0.5) / camera.width, (camera.cy + 0.5) / camera.height
    return abs(x - 0.5), abs(y - 0.5)


def _centre(camera: PinholeCamera) -> str:
    """Describe the principal point, and the size of image whose middle it would be."""
    text = f"principal point {camera.cx:g}, {camera.cy:g} of a {_size(camera)} image"
    width, height = 2 * camera.cx + 1, 2 * camera.cy + 1
    return f"{text} (middle of {width:.0f}x{height:.0f})" if 1 <= min(width, height) < 1e5 else text


def _stretch(camera: PinholeCamera) -> str:
    """Describe the aspect that, stretched over the image, would explain the shape of the pixels."""
    aspect = camera.width / camera.height / (camera.fx / camera.fy)
    for columns, rows in ((4, 3), (16, 9), (16, 10), (3, 2), (5, 4), (1, 1)):
        if abs(aspect * rows / columns - 1) < 0.01:
            return f": those of a {columns}:{rows} image stretched over it?"
    return " (pixels that are no squares)"


def _size(camera: PinholeCamera) -> str:
    return f"{camera.width}x{camera.height}"
