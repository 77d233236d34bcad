# SPDX-License-Identifier: Apache-2.0
"""Camera as a calibration file states it, from the numbers in the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geo_perception._types import Matrix
from geo_perception.errors import DataError
from geo_perception.geometry.intrinsics import checked_matrix

MAX_DISTORTION = 100.0  # of a coefficient; Azure Kinect's largest are near 5
SAME_ASPECT = 0.01  # by which an image may differ from a view that it shows resized, relative
SAME_FOCAL = 0.01  # by which two matrices may differ and still mean one camera, relative
Size = tuple[int, int]  # width, height


@dataclass(frozen=True)
class StatedCamera:
    """A camera as a calibration file states it."""

    K: Matrix  # (3, 3)
    size: Size | None = None  # image size, where the file states it
    distortion: tuple[float, ...] = ()  # coefficients other than 0
    remark: str = ""  # what was inferred rather than read


def from_values(
    values: Sequence[float], size: Size | None = None, *, maybe_by_columns: bool = False
) -> StatedCamera:
    """Make a camera of a matrix of 9, 12 or 16 numbers by rows, or fx, fy, cx, cy and distortion coefficients.

    Args:
        values: the numbers.
        size: image size that they are for.
        maybe_by_columns: a square matrix may also come by columns, as Eigen stores it; its zeros tell which.

    Raises:
        DataError: another count of numbers.
        InputError: no camera matrix.
    """
    flat = np.array([float(value) for value in values], np.float64)
    if flat.size in (9, 16) and _is_matrix(flat):
        return stated_camera(_by_rows(flat) if maybe_by_columns else flat, size)
    if flat.size == 12 and _is_matrix(flat):
        return stated_camera(flat, size)
    if not 4 <= flat.size <= 18:
        raise DataError(f"needs 3x3 numbers, or fx fy cx cy, got {flat.size}: {flat[:12].tolist()}")
    if np.abs(flat[4:]).max(initial=0) > MAX_DISTORTION:
        raise DataError(f"numbers behind fx fy cx cy must be of distortion, got {flat[4:].tolist()}")
    fx, fy, cx, cy = flat[:4]
    return stated_camera(np.array([fx, 0, cx, 0, fy, cy, 0, 0, 1]), size, flat[4:])


def _is_matrix(flat: Matrix) -> bool:
    """Return whether zeros beside the focal lengths mark a matrix; fx fy cx cy k1 ... has none there."""
    return bool(flat[1] == 0 or flat[3] == 0)


def _by_rows(flat: Matrix) -> Matrix:
    square = flat.reshape(3 if flat.size == 9 else 4, -1)
    by_columns = not square[0, 2] and not square[1, 2] and square[2, :2].any()
    return np.asarray((square.T if by_columns else square).reshape(-1), np.float64)


def stated_camera(flat: Matrix, size: Size | None, distortion: Iterable[float] = ()) -> StatedCamera:
    """Make a camera of a row-major matrix. Raises InputError if it is no camera matrix."""
    K, remark = checked_matrix(flat).copy(), ""
    # ICL-NUIM's renderer counts y upwards; its images are stored from the top like all others.
    if K[1, 1] < 0 < K[0, 0]:
        K[1, 1], remark = -K[1, 1], f"fy {K[1, 1]:g} taken as {-K[1, 1]:g}"
    return StatedCamera(K, size, tuple(float(v) for v in distortion if v), remark)


def is_resized(size: Size, other: Size, tolerance: float = SAME_ASPECT) -> bool:
    """Return whether two sizes can be one view in two resolutions: aspects differ by at most `tolerance`, a share."""
    return abs(other[0] * size[1] / (other[1] * size[0]) - 1) <= tolerance


def same_focal(matrix: Matrix, other: Matrix) -> bool:
    """Return whether fx and fy of two matrices (3, 3 or more) are those of one camera."""
    return bool(np.allclose(np.diag(matrix)[:2], np.diag(other)[:2], rtol=SAME_FOCAL))


def stated_size(width: Any, height: Any) -> Size | None:
    """Parse width and height, None where the file has neither. Raises DataError for an invalid size."""
    if width is None and height is None:
        return None
    sides = float(width), float(height)
    if any(not np.isfinite(side) or side < 1 or side != int(side) for side in sides):
        raise DataError(f"image size must be whole pixels above 0, got {width} x {height}")
    return int(sides[0]), int(sides[1])
