# SPDX-License-Identifier: Apache-2.0
"""Readers of the single files of a data set; each failure names the file and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geo_perception.datasets.images import load_image
from geo_perception.errors import DataError

POINT_BYTES = 16  # float32 x, y, z, reflectance
KITTI_PNG_STEPS = 256.0  # 16-bit KITTI maps hold value * 256, 0 = none


def read_map16(path: Path) -> NDArray[np.float32]:
    """Read (H, W) values of a 16-bit KITTI map (disparity px or depth m): stored / 256, NaN where 0 is stored.

    Raises:
        DataError: missing, truncated, or not one channel of 16 bits.
    """
    stored = np.asarray(load_image(path))
    if stored.dtype != np.uint16 or stored.ndim != 2:
        raise DataError(
            f"{path} must be a one-channel 16-bit PNG, got {stored.dtype} with shape {stored.shape}"
        )
    values: NDArray[np.float32] = stored.astype(np.float32) / np.float32(KITTI_PNG_STEPS)
    values[stored == 0] = np.nan
    return values


def read_points(path: Path) -> NDArray[np.float32]:
    """Read (N, 4) x, y, z in metres and reflectance of a Velodyne `.bin`.

    Raises:
        DataError: missing, or a length that is no multiple of 16 bytes.
    """
    if not path.is_file():
        raise DataError(f"point cloud {path} does not exist")
    size = path.stat().st_size
    if size % POINT_BYTES:
        raise DataError(f"point cloud {path} is truncated: {size} bytes are no multiple of {POINT_BYTES}")
    return np.asarray(np.fromfile(path, "<f4").reshape(-1, 4), np.float32)


def read_lines(path: Path, *, blanks: bool = False) -> list[str]:
    """Read the lines of a text file, stripped; empty ones are kept only if `blanks` is set.

    Raises:
        DataError: missing or not text.
    """
    if not path.is_file():
        raise DataError(f"file {path} does not exist")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"file {path} is not text: {error}") from error
    return [line.strip() for line in text.splitlines() if blanks or line.strip()]
