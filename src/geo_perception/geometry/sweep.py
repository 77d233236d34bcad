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


# A sweep that was moved to another frame has its (0, 0, 0) where the sensor stands. Beams go into different
# directions, so that no surface gives one and the same point a hundred times.
SAMPLE, REPEATED = 1000, 10  # so many of so many sampled points are equal
REPEATED_SHARE = 0.01  # of the whole sweep


def drop_no_returns(points_lidar: Array) -> Array:
    """The rows that are returns: finite, and at least MIN_RANGE_M from the sensor; the same array if all are.

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
        range_squared = np.einsum("ij,ij->i", xyz, xyz)
        is_return = range_squared >= np.float32(MIN_RANGE_M**2)  # not so for NaN
        is_return &= range_squared < np.inf
    repeated = _repeated(range_squared)
    if repeated is not None:
        same = (xyz == xyz[repeated]).all(axis=1)
        if same.mean() > REPEATED_SHARE:
            is_return &= ~same
    return points_lidar if is_return.all() else points_lidar[is_return]


def _repeated(range_squared: Array) -> int | None:
    """Index of a point whose range a sample of the points has again and again; None if there is none."""
    step = len(range_squared) // SAMPLE
    if not step:
        return None
    sample = range_squared[::step]
    ordered = np.sort(sample[(sample >= np.float32(MIN_RANGE_M**2)) & (sample < np.inf)])
    runs = np.flatnonzero(ordered[REPEATED - 1 :] == ordered[: 1 - REPEATED])
    return int(np.argmax(range_squared == ordered[runs[0]])) if runs.size else None


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
        f"{MIN_RANGE_M:g} m to the sensor, beyond any range, or one and the same (drivers write 0, 0, 0 where a beam "
        "met nothing)"
    )
