# SPDX-License-Identifier: Apache-2.0
"""Stereo without weights: semi-global matching (Hirschmüller 2008, OpenCV's three-way form) and background filling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Image
from geo_perception.errors import ConfigError, InputError
from geo_perception.pipelines.stereo_lidar_fusion.row_gaps import gaps, in_one_line, in_rows

DISPARITY_STEP_PX = 16  # OpenCV searches multiples of this


@dataclass(frozen=True)
class SgbmConfig:
    """Matcher settings; the defaults had the lowest depth error among those tried on street scenes."""

    max_disparity_px: int = (
        128  # unless a call says another; nearest depth 3 m at KITTI's f * B; a multiple of 16
    )
    block_px: int = 5
    smoothness_small: int = 4  # P1 per pixel of the block: one disparity step to the neighbour
    smoothness_large: int = 48  # P2: any larger step; high, since roads and facades are smooth
    uniqueness_percent: int = 5  # the best cost must beat the second by this
    left_right_px: int = 1  # largest disagreement of the left-right check
    speckle_px: int = 100  # isolated regions smaller than this are dropped; 0 switches it off
    column_step: int = 1  # 2 matches at half the columns: a third of the time, disparities half as fine

    def __post_init__(self) -> None:
        if self.max_disparity_px <= 0 or self.max_disparity_px % 16:
            raise ConfigError(
                f"max_disparity_px must be a positive multiple of 16, got {self.max_disparity_px}"
            )
        if self.block_px % 2 == 0 or not 1 <= self.block_px <= 11:
            raise ConfigError(f"block_px must be odd, 1 to 11, got {self.block_px}")
        if self.column_step < 1 or self.max_disparity_px % (16 * self.column_step):
            raise ConfigError(
                f"column_step must divide max_disparity_px / 16 = {self.max_disparity_px // 16}, got {self.column_step}"
            )


class Sgbm:
    """Callable matcher: rectified RGB pair -> (disparity, matched mask)."""

    def __init__(self, config: SgbmConfig = SgbmConfig()) -> None:
        self.config = config
        self._matchers: dict[int, Any] = {}  # by disparities; a matcher keeps its buffers

    def search(self, wanted_px: int) -> int:
        """Disparities that a call with `wanted_px` tries: the next multiple of what the matcher takes."""
        step = DISPARITY_STEP_PX * self.config.column_step
        return -(-wanted_px // step) * step

    def __call__(
        self, left: Image, right: Image, search_px: int | None = None
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Match a rectified pair.

        Args:
            left: (H, W, 3) RGB, rectified.
            right: (H, W, 3) RGB, rectified.
            search_px: disparities to try, see `search`; None: as configured.

        Returns:
            disparity (H, W) float32 px, holes filled with background, 0 if nothing matched at all;
            matched (H, W) bool, False where filled.

        Raises:
            InputError: the images differ in size.
        """
        if left.shape != right.shape:
            raise InputError(f"left and right image must have one size, got {left.shape} and {right.shape}")
        columns = self.search(search_px or self.config.max_disparity_px) // self.config.column_step
        if columns not in self._matchers:
            self._matchers = {columns: _matcher(self.config, columns)}
        greys = (self._padded_grey(image, columns) for image in (left, right))
        raw = self._matchers[columns].compute(*greys)[:, columns:]
        unit = np.float32(left.shape[1] / raw.shape[1] / 16)  # sixteenths of a column of what was matched
        disparity = raw.astype(np.float32) * unit
        matched = disparity > 0
        filled = fill_background(disparity, matched)
        if self.config.column_step == 1:
            return filled, matched
        size = left.shape[1::-1]
        wide = cv2.resize(matched.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        return np.asarray(cv2.resize(filled, size, interpolation=cv2.INTER_NEAREST), np.float32), wide.view(
            np.bool_
        )

    def _padded_grey(self, image: Image, pad: int) -> Image:
        # The matcher skips the columns that it searches; padding lets it search them as far as the image goes.
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if self.config.column_step > 1:
            columns = -(-grey.shape[1] // self.config.column_step)
            grey = cv2.resize(grey, (columns, grey.shape[0]), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.copyMakeBorder(grey, 0, 0, pad, 0, cv2.BORDER_REPLICATE), np.uint8)


def _matcher(config: SgbmConfig, columns: int) -> Any:
    area = config.block_px**2
    return cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=columns,
        blockSize=config.block_px,
        P1=config.smoothness_small * area,
        P2=config.smoothness_large * area,
        disp12MaxDiff=config.left_right_px,
        preFilterCap=31,
        uniquenessRatio=config.uniqueness_percent,
        speckleWindowSize=config.speckle_px,
        speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )


def fill_background(disparity: Array, known: NDArray[np.bool_]) -> Array:
    """Fill unknown pixels with the farther of the nearest known values to the left and right in their row.

    What stereo cannot match is mostly hidden from one camera, and hidden surfaces belong to the background. Rows
    without any known pixel take the nearest row that has one.

    Args:
        disparity: (H, W) px.
        known: (H, W) where `disparity` holds a value.

    Returns:
        (H, W) filled copy; zeros if nothing is known.
    """
    line = in_one_line(disparity, np.inf)  # infinity between the rows loses every comparison
    known = in_one_line(known, True)
    before, last = gaps(known)
    line[~known] = np.repeat(np.minimum(line.take(before), line.take(last + 1)), last - before)
    return _fill_rows(np.ascontiguousarray(in_rows(line, disparity.shape)))


def _fill_rows(filled: Array) -> Array:
    empty = np.isinf(filled[:, 0])
    if not empty.any():
        return filled
    rows = np.flatnonzero(~empty)
    if rows.size == 0:
        return np.zeros_like(filled)
    nearest = rows[np.abs(np.arange(len(filled))[:, None] - rows).argmin(axis=1)]
    return np.asarray(filled[nearest], np.float32)
