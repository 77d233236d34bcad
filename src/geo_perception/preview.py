# SPDX-License-Identifier: Apache-2.0
"""Depth, confidence and error maps as RGB pictures for people; unknown is black."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import InputError

Array = NDArray[np.float32]
Image8 = NDArray[np.uint8]

NEAR_M, FAR_M = 2.0, 80.0  # a street as KITTI's lidar sees it
LEVELS = 254  # colours 1..255; 0 is reserved for unknown


def _table(colormap: int) -> Image8:
    """(256, 1, 3) RGB lookup table whose entry 0 is black."""
    ramp = np.linspace(0, 255, 255).astype(np.uint8).reshape(-1, 1)
    table = np.zeros((256, 1, 3), np.uint8)
    table[1:] = cv2.applyColorMap(ramp, colormap)[..., ::-1]
    return table


NEAR_WARM = _table(cv2.COLORMAP_TURBO)
COLD_HOT = _table(cv2.COLORMAP_INFERNO)
GREEN = _table(cv2.COLORMAP_VIRIDIS)


def _lookup(share: Array, table: Image8) -> Image8:
    """Colours of values whose 0..1 spans the table; beyond it the end colour, NaN black."""
    level = np.clip(share * np.float32(LEVELS) + np.float32(1), 1, 255)
    return np.asarray(cv2.applyColorMap(np.fmax(level, 0).astype(np.uint8), table), np.uint8)


def _log_share(values: Array, low: float, high: float) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.log(values / np.float32(low)) / np.float32(np.log(high / low)), np.float32)


def _check_range(low: float, high: float) -> None:
    if not 0 < low < high < np.inf:
        raise InputError(f"colour range needs 0 < min < max, got {low}..{high}")


def colourise_depth(depth_m: Array, min_m: float = NEAR_M, max_m: float = FAR_M) -> Image8:
    """(H, W) metres -> (H, W, 3) RGB: red near, blue far, logarithmic to show structure at any distance.

    Raises:
        InputError: not 0 < min_m < max_m.
    """
    _check_range(min_m, max_m)
    return _lookup(1 - _log_share(np.asarray(depth_m, np.float32), min_m, max_m), NEAR_WARM)


def colourise_share(values: Array) -> Image8:
    """(H, W) values of 0..1, such as a confidence -> (H, W, 3) RGB, dark blue to yellow."""
    return _lookup(np.asarray(values, np.float32), GREEN)


def colourise_error(predicted_m: Array, truth_m: Array, min_m: float = 0.05, max_m: float = 20.0) -> Image8:
    """|predicted - truth| in metres -> (H, W, 3) RGB, logarithmic, dark is small; black without truth.

    Raises:
        InputError: shapes differ, or not 0 < min_m < max_m.
    """
    _check_range(min_m, max_m)
    if predicted_m.shape != truth_m.shape:
        raise InputError(f"predicted depth is {predicted_m.shape}, truth {truth_m.shape}: they must agree")
    error_m = np.maximum(np.abs(np.asarray(predicted_m - truth_m, np.float32)), np.float32(min_m))
    return _lookup(_log_share(error_m, min_m, max_m), COLD_HOT)


def overlay_depth(rgb: Image8, sparse_depth_m: Array, radius_px: int = 1) -> Image8:
    """The picture with sparse depth (NaN = none) drawn over it as coloured dots; the input is left alone.

    Raises:
        InputError: sizes differ.
    """
    if rgb.shape[:2] != sparse_depth_m.shape:
        raise InputError(f"picture is {rgb.shape[:2]}, depth {sparse_depth_m.shape}: they must agree")
    far = np.float32(1e9)
    side = 2 * radius_px + 1
    depth_m = cv2.erode(np.where(sparse_depth_m > 0, sparse_depth_m, far), np.ones((side, side), np.uint8))
    dots = depth_m < far
    return np.where(dots[..., None], colourise_depth(np.where(dots, depth_m, np.float32(np.nan))), rgb)
