# SPDX-License-Identifier: Apache-2.0
"""Quaternions of messages: by tf_transformations where it is installed, as on a robot, by own algebra elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from geo_perception._types import Matrix
from geo_perception.geometry import se3


@cache
def tf_transformations() -> Any | None:
    """Import the package; None where it or its transforms3d is not installed."""
    try:
        import tf_transformations as package
    except ImportError:
        return None
    return package


def rotation_from_quaternion(quat_xyzw: Sequence[float]) -> Matrix:
    """Compute the 3x3 rotation of a quaternion, which is normalised first, as in tf2.

    Raises:
        InputError: zero or not finite, which tf_transformations takes for no rotation.
    """
    own = se3.rotation_from_quaternion(quat_xyzw)
    package = tf_transformations()
    return own if package is None else np.asarray(package.quaternion_matrix(quat_xyzw)[:3, :3], np.float64)


def quaternion_from_rotation(rotation: Matrix) -> Matrix:
    """Compute the quaternion xyzw with w >= 0 of a 3x3 rotation."""
    package = tf_transformations()
    if package is None:
        return se3.quaternion_from_rotation(rotation)
    quat = np.asarray(package.quaternion_from_matrix(se3.transform(rotation, (0.0, 0.0, 0.0))), np.float64)
    return quat if quat[3] >= 0 else -quat
