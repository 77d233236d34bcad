# SPDX-License-Identifier: Apache-2.0
"""Points of a sweep that are no returns: what drivers write for beams that came back with nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import InputError

Array = NDArray[np.float32]

# Drivers write (0, 0, 0), numbers close to it, or NaN for a beam without a return. No lidar measures nearer than this
# (Livox Mid-360 and Hesai Pandar 0.1 m, Ouster 0.3 m, Velodyne 0.4 to 0.9 m).
MIN_RANGE_M = 0.1


def drop_no_returns(points_lidar: Array) -> Array:
    """The rows that are returns: finite, and at least MIN_RANGE_M from the sensor; the same array if all are.

    Must see the points in the sensor's own frame: in any other one, "no return" is a point like others.

    Args:
        points_lidar: (N, >=3), x, y, z in metres in the lidar's frame first.

    Raises:
        InputError: not (N, >=3).
    """
    if points_lidar.ndim != 2 or points_lidar.shape[1] < 3:
        raise InputError(f"points must be (N, 3) or wider, got {points_lidar.shape}")
    xyz = np.asarray(points_lidar[:, :3], np.float32)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        range_squared = np.einsum("ij,ij->i", xyz, xyz)
        is_return = range_squared >= np.float32(MIN_RANGE_M**2)  # not so for NaN
        is_return &= range_squared < np.inf
    return points_lidar if is_return.all() else points_lidar[is_return]


def require_returns(points_lidar: Array) -> Array:
    """As `drop_no_returns`; an empty sweep is given back as it is.

    Raises:
        InputError: there are points, and none is a return.
    """
    returns = drop_no_returns(points_lidar)
    if len(returns) or not len(points_lidar):
        return returns
    if not np.isfinite(points_lidar[:, :3]).all(axis=1).any():
        raise InputError(f"none of the cloud's {len(points_lidar)} points is finite")
    raise InputError(
        f"none of the cloud's {len(points_lidar)} points is a return: the finite ones are nearer than "
        f"{MIN_RANGE_M:g} m to the sensor, or beyond any range (drivers write 0, 0, 0 where a beam met nothing)"
    )
