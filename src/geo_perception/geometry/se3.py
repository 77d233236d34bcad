# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms as 4x4 matrices named `target_from_source`, and quaternions as xyzw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Matrix
from geo_perception.errors import InputError

if TYPE_CHECKING:
    pass


def transform(rotation: Matrix, translation_m: Sequence[float] | Matrix) -> Matrix:
    """Make a 4x4 matrix of a 3x3 rotation and a translation in metres."""
    out = np.eye(4)
    out[:3, :3] = rotation
    out[:3, 3] = np.asarray(translation_m, np.float64).reshape(3)
    return out


def check_transform(matrix: Matrix | Sequence[float]) -> Matrix:
    """Validate a 4x4 rigid transform, given as 16 row-major values or a matrix.

    Raises:
        InputError: not 16 finite values, last row not 0 0 0 1, or a rotation that is not orthonormal.
    """
    out = np.asarray(matrix, np.float64)
    if out.size != 16:
        raise InputError(f"a transform needs 16 values (4x4, row major), got {out.size}")
    out = out.reshape(4, 4)
    if not np.isfinite(out).all() or not np.allclose(out[3], (0, 0, 0, 1)):
        raise InputError(f"a transform needs finite values and last row 0 0 0 1, got {out.tolist()}")
    rotation = out[:3, :3]
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0:
        raise InputError(f"the rotation of a transform must be orthonormal, got {rotation.tolist()}")
    return out


def inverse(matrix: Matrix) -> Matrix:
    """Invert a 4x4 rigid transform."""
    rotation = matrix[:3, :3].T
    return transform(rotation, -rotation @ matrix[:3, 3])


def apply(matrix: Matrix, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Transform points (N, 3) from the source frame to the target frame.

    Written out, because `points @ rotation` starts the threads of the linear algebra library: on a busy machine
    they cost ten times what they save. The result is column-major, so that x, y and z are contiguous.
    """
    out: NDArray[np.float32] = np.empty((3, len(points)), np.float32)
    x, y, z = np.ascontiguousarray(points[:, :3].T)
    term = np.empty_like(x)
    for axis, (a, b, c, shift) in enumerate(matrix[:3].astype(np.float32)):
        np.multiply(x, a, out=out[axis])
        out[axis] += np.multiply(y, b, out=term)
        out[axis] += np.multiply(z, c, out=term)
        out[axis] += shift
    return np.asarray(out.T, np.float32)


def rotation_from_quaternion(quat_xyzw: Sequence[float]) -> Matrix:
    """Compute the 3x3 rotation of a quaternion, which is normalised first.

    Raises:
        InputError: zero or not finite.
    """
    q = np.asarray(quat_xyzw, np.float64)
    norm = float(np.linalg.norm(q))
    if q.shape != (4,) or not np.isfinite(norm) or norm < 1e-9:
        raise InputError(f"a quaternion needs 4 finite values that are not all zero, got {q.tolist()}")
    x, y, z, w = q / norm
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + 2 * w * cross + 2 * cross @ cross)


def quaternion_from_rotation(rotation: Matrix) -> Matrix:
    """Compute the quaternion xyzw with w >= 0, the dominant eigenvector of Bar-Itzhack's matrix (2000)."""
    r = rotation
    k = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], 0, 0, 0],
            [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], 0, 0],
            [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], 0],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], r[0, 0] + r[1, 1] + r[2, 2]],
        ]
    )
    quat = np.linalg.eigh(k / 3, UPLO="L")[1][:, -1]
    return np.asarray(quat if quat[3] >= 0 else -quat)


def is_rotation(matrix: Matrix) -> bool:
    """Return whether a 3x3 matrix is a rotation, to the digits that calibration files have."""
    if np.abs(matrix).max() > 2:
        return False
    return bool(np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-2) and np.linalg.det(matrix) > 0)
