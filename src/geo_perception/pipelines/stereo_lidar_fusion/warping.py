# SPDX-License-Identifier: Apache-2.0
"""The right image as the left camera sees it, where a disparity is right."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from geo_perception._types import Array


def at_matches(right: Array, disparity_px: Array, scratch: Array | None = None) -> Array:
    """(H, W) values of the right image at the matches of the left one's pixels, its border repeated.

    Args:
        right: (H, W).
        disparity_px: (H, W) of the left image.
        scratch: (H, W), overwritten; may be `disparity_px`. None: a new image is taken.
    """
    columns, rows = _grid(*right.shape)
    sources = np.subtract(columns, disparity_px, out=scratch)
    found = cv2.remap(right, sources, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


@lru_cache(maxsize=4)  # the same for every frame of a camera
def _grid(height: int, width: int) -> tuple[Array, Array]:
    columns = np.broadcast_to(np.arange(width, dtype=np.float32), (height, width))
    rows = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], (height, width))
    return np.ascontiguousarray(columns), np.ascontiguousarray(rows)
