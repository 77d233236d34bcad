# SPDX-License-Identifier: Apache-2.0
"""Lidar completion without weights: grey morphology on inverse depth (steps as in Ku et al. 2018, IP-Basic)."""

from __future__ import annotations

import cv2
import numpy as np

from geo_perception._types import Array
from geo_perception.geometry.visibility import inverse_or_zero

DIAMOND = np.array(
    [[0, 0, 1, 0, 0], [0, 1, 1, 1, 0], [1, 1, 1, 1, 1], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0]], np.uint8
)
HOLE_SIZES = (7, 31)  # small holes first, so that near returns do not spread over them from afar
REACH_PX = 28  # of all steps together: half the sides of diamond, closing (twice), holes, median and Gaussian


def complete_morphology(sparse_depth_m: Array) -> Array:
    """Dense depth (H, W) from sparse depth; NaN everywhere if there is no return.

    Dilation on inverse depth lets the nearer surface win at edges, as occlusion does. Columns are continued upwards
    from their highest return. A last median and Gaussian remove the blocks that dilation leaves.

    Args:
        sparse_depth_m: (H, W) metres, NaN where there is no return.
    """
    returns = np.flatnonzero(sparse_depth_m > 0)
    if not returns.size:
        return np.full_like(sparse_depth_m, np.nan)
    above = max(0, int(returns[0]) // sparse_depth_m.shape[1] - REACH_PX)  # so many rows will all be alike
    nearness = inverse_or_zero(sparse_depth_m[above:])
    nearness = cv2.morphologyEx(cv2.dilate(nearness, DIAMOND), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    nearness = _fill(nearness, HOLE_SIZES[0])
    nearness = _fill(_extend_up(nearness), HOLE_SIZES[1])
    if not nearness.all():  # far corners of narrow sweeps; usually not entered
        nearness, above = _fill_all(np.concatenate((np.repeat(nearness[:1], above, axis=0), nearness))), 0
    smooth = cv2.GaussianBlur(cv2.medianBlur(nearness, 5), (5, 5), 0)
    out = np.empty(sparse_depth_m.shape, np.float32)
    np.divide(np.float32(1), smooth, out=out[above:])
    out[:above] = out[above]
    return out


def _fill_all(nearness: Array) -> Array:
    while not nearness.all():
        nearness = _fill(nearness, 4 * HOLE_SIZES[1] + 1)
    return nearness


def _fill(values: Array, size: int) -> Array:
    grown = cv2.dilate(values, np.ones((size, size), np.uint8))
    grown *= values == 0  # a product and a sum choose between them faster than a branch per pixel
    grown += values
    return np.asarray(grown, np.float32)


def _extend_up(nearness: Array) -> Array:
    """In place: every column above its highest known pixel takes that pixel's value."""
    known = nearness > 0
    top = np.argmax(known, axis=0)
    highest = nearness[top, np.arange(nearness.shape[1])]
    rows = int(top.max())
    above = nearness[:rows]  # zeros, so that the value can be added
    above += highest * (np.arange(rows)[:, None] < top)
    return nearness
