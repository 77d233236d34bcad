# SPDX-License-Identifier: Apache-2.0
"""Disparities that stereo searches on a rig, and the nearest depth they reach."""

from __future__ import annotations

import math
from dataclasses import dataclass

from geo_perception.pipelines.stereo_lidar_fusion.sgbm import DISPARITY_STEP_PX

MIN_SEARCH_PX = 128  # never less: what it costs is known, and a rig with a short baseline sees nearer for it
SLACK_PX = 1.0  # a search that ends this much too early is not made longer by a whole step


@dataclass(frozen=True)
class SearchRange:
    """The disparities that stereo tries on a rig."""

    disparities_px: int
    focal_baseline: float  # px m
    wanted_m: float  # nearest depth that was asked for

    @property
    def nearest_m(self) -> float:
        """Depth of the largest disparity."""
        return self.focal_baseline / (self.disparities_px - 1)

    @property
    def is_short(self) -> bool:
        """True if the range ends before the requested nearest depth."""
        return self.focal_baseline / self.wanted_m - (self.disparities_px - 1) > 2 * SLACK_PX

    def __str__(self) -> str:
        text = f"stereo searches {self.disparities_px} px of disparity: nothing nearer than {self.nearest_m:.2f} m"
        return f"{text}, and min_depth_m is {self.wanted_m:g}" if self.is_short else text


def search_px(focal_baseline: float, min_depth_m: float, width: int) -> int:
    """Disparities to search for everything as far as `min_depth_m`: a multiple of 16, at least MIN_SEARCH_PX.

    It ends at half the image's width, which is the most that objects in both images can reasonably have.

    Args:
        focal_baseline: focal length times baseline, px m.
        min_depth_m: nearest depth of interest.
        width: of the images, px.
    """
    wanted = min((focal_baseline / min_depth_m - SLACK_PX), width / 2)
    return max(MIN_SEARCH_PX, math.ceil(wanted / DISPARITY_STEP_PX) * DISPARITY_STEP_PX)
