# SPDX-License-Identifier: Apache-2.0
"""Removal of no-returns from a sweep: the points that drivers write for beams without a return."""

from __future__ import annotations

import numpy as np

from geo_perception._types import Array
from geo_perception.errors import InputError

# Drivers write (0, 0, 0), numbers close to it, or NaN for a beam without a return. No lidar measures nearer than this
# (Livox Mid-360 and Hesai Pandar 0.1 m, Ouster 0.3 m, Velodyne 0.4 to 0.9 m).
MIN_RANGE_M = 0.1


# A sweep that was moved to another frame has its (0, 0, 0) where the sensor stands. Beams go into different
# directions, so that no surface gives one and the same point a hundred times. Clouds joined of several lidars have one
# for each.
SAMPLE, REPEATED = 1000, 10  # so many of so many sampled points are equal
REPEATED_SHARE = 0.01  # of the whole sweep


def drop_no_returns(points_lidar: Array) -> Array:
    """Select the rows that are returns: finite, and at least MIN_RANGE_M from the sensor; the same array if all are.

    A point that makes up more than REPEATED_SHARE of a sweep is none either: "no return" after a change of frame.

    Args:
        points_lidar: (N, >=3), x, y, z in metres first, in the lidar's frame or the vehicle's.

    Raises:
        InputError: not (N, >=3).
    """
    if points_lidar.ndim != 2 or points_lidar.shape[1] < 3:
        raise InputError(f"points must be (N, 3) or wider, got {points_lidar.shape}")
    xyz = np.asarray(points_lidar[:, :3], np.float32)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        x, y, z = xyz.T  # column by column: einsum takes four times as long for rows of three
        range_squared: Array = x * x
        range_squared += y * y
        range_squared += z * z
        is_return = range_squared >= np.float32(MIN_RANGE_M**2)  # not so for NaN
        is_return &= range_squared < np.inf
    for point in _repeated(xyz, range_squared):
        same = (xyz == point).all(axis=1)
        if same.mean() > REPEATED_SHARE:
            is_return &= ~same
    return points_lidar if is_return.all() else points_lidar[is_return]


def _repeated(xyz: Array, range_squared: Array) -> Array:
    """Find (M, 3) points that a sample of the sweep repeats: one for each of the lidars joined in it."""
    step = max(1, len(xyz) // SAMPLE)
    sample = range_squared[::step]
    there = (sample >= np.float32(MIN_RANGE_M**2)) & (sample < np.inf)
    ordered = np.sort(sample[there])
    if not (ordered[REPEATED - 1 :] == ordered[: 1 - REPEATED]).any():  # no range is, let alone a point
        return xyz[:0]
    points, counts = np.unique(xyz[::step][there], axis=0, return_counts=True)
    found: Array = points[counts >= REPEATED]
    return found


def require_returns(points_lidar: Array) -> Array:
    """Select the returns as `drop_no_returns` does; an empty sweep is returned unchanged.

    Raises:
        InputError: not (N, >=3), or there are points and none is a return.
    """
    returns = drop_no_returns(points_lidar)
    if len(returns) or not len(points_lidar):
        return returns
    if not np.isfinite(points_lidar[:, :3]).all(axis=1).any():
        raise InputError(f"none of the cloud's {len(points_lidar)} points is finite")
    raise InputError(
        f"none of the cloud's {len(points_lidar)} points is a return: the finite ones are nearer than "
        f"{MIN_RANGE_M:g} m to the sensor, beyond any range, or one and the same (drivers write 0, 0, 0 where a beam "
        "met nothing)"
    )
