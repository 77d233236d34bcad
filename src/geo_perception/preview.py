# SPDX-License-Identifier: Apache-2.0
"""Colour scales for legends, and depth, confidence and error maps as RGB images for viewing.

Unknown values have a colour of their own, a grey that no scale contains: black would look far, or like a small error.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from geo_perception._types import Array, Image
from geo_perception.errors import InputError

NEAR_M, FAR_M = 2.0, 80.0  # a street as KITTI's lidar sees it
LEAST_ERROR_M, LARGEST_ERROR_M = 0.05, 20.0
LEVELS = 254  # colours 1..255; 0 is reserved for unknown
UNKNOWN_RGB = (128, 128, 128)


def _table(colormap: int, *, backwards: bool = False) -> Image:
    """Make a (256, 1, 3) RGB lookup table whose entry 0 is that of unknown values."""
    ramp = np.linspace(0, 255, 255).astype(np.uint8).reshape(-1, 1)
    colours = cv2.applyColorMap(ramp, colormap)[..., ::-1]
    table = np.full((256, 1, 3), UNKNOWN_RGB, np.uint8)
    table[1:] = colours[::-1] if backwards else colours
    return table


NEAR_WARM = _table(cv2.COLORMAP_TURBO, backwards=True)
COLD_HOT = _table(cv2.COLORMAP_INFERNO)
GREEN = _table(cv2.COLORMAP_VIRIDIS)


@dataclass(frozen=True)
class ColourScale:
    """Mapping of values to colours; values beyond the ends have the end's colour, NaN has UNKNOWN_RGB.

    Raises:
        InputError: not low < high, or a logarithmic scale that does not begin above 0.
    """

    table: Image  # (256, 1, 3), see `_table`
    low: float
    high: float
    unit: str = "m"
    logarithmic: bool = True  # shows structure at any distance
    unknown: str = "unknown"  # name of NaN in a legend; empty: not shown

    def __post_init__(self) -> None:
        if not (0 if self.logarithmic else -np.inf) < self.low < self.high < np.inf:
            raise InputError(f"colour range needs 0 < min < max, got {self.low:g}..{self.high:g}")

    def position(self, values: Array) -> Array:
        """Compute positions along the scale, 0 at its low and 1 at its high end; NaN stays NaN."""
        values = np.asarray(values, np.float32)
        if not self.logarithmic:
            return np.asarray((values - self.low) / (self.high - self.low), np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.log(values / np.float32(self.low)) / np.float32(np.log(self.high / self.low))
        return np.asarray(shares, np.float32)

    def colourise(self, values: Array) -> Image:
        """Colour (H, W) values as (H, W, 3) RGB."""
        level = np.clip(self.position(values) * np.float32(LEVELS) + np.float32(1), 1, 255)
        return np.asarray(cv2.applyColorMap(np.fmax(level, 0).astype(np.uint8), self.table), np.uint8)

    def ticks(self) -> list[float]:
        """List both ends, and round numbers between them."""
        if not self.logarithmic:
            return [float(value) for value in np.linspace(self.low, self.high, 5)]
        decades = range(int(np.floor(np.log10(self.low))), int(np.ceil(np.log10(self.high))) + 1)
        round_numbers = [float(f"{digit}e{decade}") for decade in decades for digit in (1, 2, 5)]
        return [self.low, *(value for value in round_numbers if self.low < value < self.high), self.high]


CONFIDENCE = ColourScale(GREEN, 0.0, 1.0, unit="", logarithmic=False)
UNCERTAINTY = ColourScale(COLD_HOT, 0.01, 1.0, unit="")  # relative standard deviation; dark is trustworthy


def depth_scale(min_m: float = NEAR_M, max_m: float = FAR_M) -> ColourScale:
    """Make a scale with red near and blue far. Raises InputError for an invalid range."""
    return ColourScale(NEAR_WARM, min_m, max_m)


def error_scale(min_m: float = LEAST_ERROR_M, max_m: float = LARGEST_ERROR_M) -> ColourScale:
    """Make a scale with small errors dark. Raises InputError for an invalid range."""
    return ColourScale(COLD_HOT, min_m, max_m, unknown="no depth or no truth")


def colourise_depth(depth_m: Array, min_m: float = NEAR_M, max_m: float = FAR_M) -> Image:
    """Colour (H, W) metres as (H, W, 3) RGB by `depth_scale`.

    Raises:
        InputError: not 0 < min_m < max_m.
    """
    return depth_scale(min_m, max_m).colourise(depth_m)


def overlay_depth(
    rgb: Image, sparse_depth_m: Array, radius_px: int = 1, scale: ColourScale | None = None
) -> Image:
    """Draw sparse depth (NaN = none) as coloured dots over a copy of the image.

    Raises:
        InputError: sizes differ.
    """
    if rgb.shape[:2] != sparse_depth_m.shape:
        raise InputError(f"picture is {rgb.shape[:2]}, depth {sparse_depth_m.shape}: they must agree")
    far = np.float32(1e9)
    side = 2 * radius_px + 1
    depth_m = cv2.erode(np.where(sparse_depth_m > 0, sparse_depth_m, far), np.ones((side, side), np.uint8))
    dots = depth_m < far
    colours = (scale or depth_scale()).colourise(np.where(dots, depth_m, np.float32(np.nan)))
    return np.where(dots[..., None], colours, rgb)
