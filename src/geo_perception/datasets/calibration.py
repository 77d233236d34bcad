# SPDX-License-Identifier: Apache-2.0
"""KITTI calibration files (`key: numbers`) as a stereo rig and the lidar's pose in the left colour camera.

Everything is expressed in the optical frame of camera 2 (left colour). A KITTI projection matrix is
P_k = K [I | T_k] in the rectified frame of camera 0, so T_k = K^-1 P_k[:, 3] carries camera 0's frame to
camera k's; its few millimetres along z belong to the depth and are kept (Geiger et al., IJRR 2013, eq. 3-8).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geo_perception._types import Matrix
from geo_perception.datasets.files import read_lines
from geo_perception.errors import DataError, InputError
from geo_perception.geometry import PinholeCamera, StereoRig, se3
from geo_perception.geometry.intrinsics import checked_matrix
from geo_perception.geometry.plausibility import check_possible, doubts, report_doubts
from geo_perception.geometry.se3 import is_rotation

LEFT_KEYS = ("P2", "P_rect_02")
RIGHT_KEYS = ("P3", "P_rect_03")
RECTIFY_KEYS = ("R0_rect", "R_rect_00", "R_rect")
SIZE_KEY = "S_rect_02"  # raw drives only
MAX_RISE = 0.05  # of the baseline: the published pairs have 0.5%
LIDAR_KEYS = ("Tr_velo_to_cam", "Tr_velo_cam", "Tr")

# Without a lidar nothing is transformed by it; then x forward, z up simply turns into z forward, y down.
OPTICAL_FROM_BODY = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], np.float64)


@dataclass(frozen=True)
class Calibration:
    """Calibration that all frames of a sequence share; the image size comes with each image."""

    K: Matrix  # 3x3 of both rectified colour cameras
    baseline_m: float
    camera_from_lidar: Matrix | None  # 4x4, None when the files hold no lidar pose
    size: tuple[int, int] | None = None  # (width, height) of rectified images, where the files tell
    where: str = ""  # the files

    def rig(self, width: int, height: int) -> StereoRig:
        """Return the rig for images of this size.

        Raises:
            DataError: rectified images have another size, as in the raw drives `*_extract`, or the intrinsics cannot
                be of images of this size.
        """
        if self.size is not None and self.size != (width, height):
            raise DataError(
                f"images are {width}x{height}, calibrated for {self.size[0]}x{self.size[1]} when rectified"
            )
        try:
            camera = PinholeCamera.from_info(self.K, width, height)
            check_possible(camera)
        except InputError as error:
            raise DataError(f"calibration {self.where}: {error}") from error
        report_doubts(f"calibration {self.where}", doubts(camera))
        return StereoRig(camera, self.baseline_m)


def read_values(path: Path) -> dict[str, Matrix]:
    """Read the `key: numbers` lines of one file; entries that are no numbers (dates, names) are left out.

    Raises:
        DataError: missing or not text.
    """
    values = {}
    for line in read_lines(path):
        key, colon, rest = line.partition(":")
        try:
            values[key.strip()] = np.array([float(v) for v in rest.split()], np.float64)
        except ValueError:
            continue
        if not colon:
            raise DataError(f"calibration {path}: expected 'key: numbers', got {line[:60]!r}")
    return values


def read_calibration(*paths: Path) -> Calibration:
    """Read one calibration from the file, or from the files together, that hold it.

    Raises:
        DataError: missing file or key, wrong count, a value that is not finite, a matrix that is not what its key
            says, or an unrectified pair.
    """
    values: dict[str, Matrix] = {}
    for path in paths:
        values.update(read_values(path))
    where = " + ".join(str(path) for path in paths)
    left = _matrix(values, LEFT_KEYS, (3, 4), where)
    right = _matrix(values, RIGHT_KEYS, (3, 4), where)
    K, _ = (_intrinsics(P, f"calibration {where}") for P in (left, right))
    if not np.allclose(K, right[:, :3], rtol=1e-6):
        raise DataError(f"calibration {where}: left and right intrinsics differ, the pair is not rectified")
    left_shift, right_shift = (_shift(K, P) for P in (left, right))
    baseline_m = float(left_shift[0] - right_shift[0])
    if baseline_m <= 0:
        raise DataError(f"calibration {where}: baseline is {baseline_m:.4f} m (left and right swapped?)")
    rise_m = float(left_shift[1] - right_shift[1])
    if abs(rise_m) > MAX_RISE * baseline_m:
        raise DataError(
            f"calibration {where}: the right camera stands {rise_m:.4f} m below the left one and {baseline_m:.4f} m "
            "aside: the pair is not rectified to common rows"
        )
    size = None
    if SIZE_KEY in values:
        width, height = _matrix(values, (SIZE_KEY,), (2,), where)
        size = int(width), int(height)
    return Calibration(K, baseline_m, _camera_from_lidar(values, left_shift, where), size, where)


def _intrinsics(P: Matrix, where: str) -> Matrix:
    K = P[:, :3]
    try:
        checked_matrix(K)
        if min(K[0, 0], K[1, 1]) <= 0:
            raise InputError(f"fx and fy must be above 0, got {K[0, 0]:g} and {K[1, 1]:g}")
    except InputError as error:
        raise DataError(f"{where}: {error}") from error
    return K


def _shift(K: Matrix, P: Matrix) -> Matrix:
    return np.asarray(np.linalg.solve(K, P[:, 3]), np.float64)


def _camera_from_lidar(values: Mapping[str, Matrix], left_shift: Matrix, where: str) -> Matrix | None:
    """Compute T2 * R_rect * (R|T): lidar to camera 0, rectified, moved to camera 2. None without a lidar pose."""
    cam0_from_lidar = np.eye(4)
    if any(key in values for key in LIDAR_KEYS):
        cam0_from_lidar[:3] = _matrix(values, LIDAR_KEYS, (3, 4), where)
    elif "R" in values and "T" in values:  # calib_velo_to_cam.txt of the raw drives
        cam0_from_lidar[:3, :3] = _matrix(values, ("R",), (3, 3), where)
        cam0_from_lidar[:3, 3] = _matrix(values, ("T",), (3,), where)
    else:
        return None
    _check_rotation(cam0_from_lidar[:3, :3], "the lidar's pose", where)
    rectify = np.eye(3)
    if any(key in values for key in RECTIFY_KEYS):  # odometry folds it into Tr
        rectify = _matrix(values, RECTIFY_KEYS, (3, 3), where)
        _check_rotation(rectify, "the rectification", where)
    return se3.transform(rectify, left_shift) @ cam0_from_lidar


def _check_rotation(matrix: Matrix, what: str, where: str) -> None:
    if not is_rotation(matrix):
        raise DataError(
            f"calibration {where}: {what} must hold a rotation, got {np.round(matrix, 4).tolist()}"
        )


def _matrix(
    values: Mapping[str, Matrix], keys: tuple[str, ...], shape: tuple[int, ...], where: str
) -> Matrix:
    key = next((k for k in keys if k in values), None)
    if key is None:
        raise DataError(
            f"calibration {where}: none of {', '.join(keys)} found, has {', '.join(sorted(values))}"
        )
    matrix = values[key]
    if matrix.size != int(np.prod(shape)):
        raise DataError(f"calibration {where}: {key} needs {int(np.prod(shape))} numbers, got {matrix.size}")
    if not np.isfinite(matrix).all():
        raise DataError(f"calibration {where}: {key} holds a value that is not finite: {matrix.tolist()}")
    return matrix.reshape(shape)
