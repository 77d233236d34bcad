# SPDX-License-Identifier: Apache-2.0
"""Depth encodings of NYU's and SUN's files: raw Kinect numbers and rotated bits."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.datasets.images import load_image, read_content
from geo_perception.datasets.rgbd.depth_units import HOW, LIKELY_M
from geo_perception.datasets.rgbd.files import check_depth
from geo_perception.errors import DataError

KINECT_NUMERATOR, KINECT_OFFSET = 351.3, 1092.5  # metres = 351.3 / (1092.5 - d), NYU Depth's toolbox
KINECT_BITS = 11  # 2047 = nothing seen


def read_nyu_pgm(path: Path) -> Array:
    """Read (H, W) metres of a raw NYU depth image, 0 = unknown.

    PGM is big endian, these files are not: swapped, a Kinect's 11-bit numbers would come out above 2047.

    Raises:
        DataError: missing, no 16-bit PGM, truncated, or numbers that are no raw Kinect depth.
    """
    content = read_content(path, "depth")
    header = re.match(rb"P5\s+([1-9]\d{0,5})\s+([1-9]\d{0,5})\s+(\d{1,9})\s", content)
    if header is None or int(header[3]) < 256:
        raise DataError(f"depth {path} has no header of a 16-bit PGM (P5, width, height, maximum)")
    width, height = int(header[1]), int(header[2])
    body = content[header.end() :]
    if len(body) != 2 * width * height:
        raise DataError(f"depth {path} holds {len(body)} bytes, its header asks for {2 * width * height}")
    raw = np.frombuffer(body, "<u2").reshape(height, width)
    if raw.max() >= 2**KINECT_BITS:
        raise DataError(f"depth {path} holds {raw.max()}, raw Kinect depth ends at {2**KINECT_BITS - 1}")
    gap = np.float32(KINECT_OFFSET) - raw.astype(np.float32)
    depth_m = np.where(gap > 0, np.float32(KINECT_NUMERATOR) / np.where(gap > 0, gap, 1), 0)
    return check_depth(np.where(raw > 0, depth_m, 0).astype(np.float32), path)


def read_sun_png(path: Path) -> Array:
    """Read (H, W) metres of a SUN RGB-D depth image, whose millimetres are rotated left by 3 bits; 0 = unknown.

    Raises:
        DataError: missing, damaged, or millimetres that were not rotated.
    """
    stored = np.asarray(load_image(path, "depth"))
    if stored.ndim != 2 or stored.dtype.kind not in "iu" or not stored.size or stored.max() <= 255:
        raise DataError(f"depth {path} is not a 16-bit image")
    if not is_rotated(stored):
        raise DataError(
            f"depth {path}: its lowest 3 bits are in use, in SUN RGB-D they hold only depth beyond 8 m; {HOW}"
        )
    stored = stored.astype(np.uint16)
    millimetres = (stored >> 3) | (stored << 13)
    median_m = [float(np.median(values[stored > 0])) / 1000 for values in (millimetres, stored)]
    # steps of 8 mm use no lower bits
    if median_m[0] < LIKELY_M[0] <= median_m[1] <= LIKELY_M[1]:
        raise DataError(
            f"depth {path}: median {median_m[0]:.2g} m as SUN RGB-D rotates it, {median_m[1]:.2g} m as mm; {HOW}"
        )
    return check_depth(millimetres.astype(np.float32) / np.float32(1000), path)


def is_rotated(stored: NDArray[np.generic]) -> bool:
    """Return whether the lowest 3 bits are at most 1, that is no depth beyond 16 m; plain millimetres use them all."""
    return bool(((np.asarray(stored, np.int64) & 7) <= 1).all())
