# SPDX-License-Identifier: Apache-2.0
"""Results of the pipeline and of its stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Image
from geo_perception.pipelines.stereo_lidar_fusion.agreement import MAX_DROPPED, Agreement, disagreement
from geo_perception.pipelines.stereo_lidar_fusion.search_range import SearchRange


@dataclass(frozen=True)
class StereoEstimate:
    """Dense depth of the left image from stereo."""

    depth_m: Array  # (H, W), every pixel filled, at most the pipeline's max_depth_m
    valid: NDArray[np.bool_]  # (H, W), False where the value was filled in rather than matched


@dataclass(frozen=True)
class LidarEstimate:
    """Lidar in the left image: the returns, and depth completed from them."""

    raw_depth_m: Array  # (H, W) every projected return, NaN elsewhere
    sparse_depth_m: Array  # (H, W) the returns the camera sees, NaN elsewhere
    depth_m: Array  # (H, W) completed, every pixel filled unless there is no return at all (then NaN)
    distance_px: Array  # (H, W) distance to the nearest visible return, pixels
    agreement: Agreement | None = None  # of the visible returns with stereo, before it refuted any


@dataclass(frozen=True)
class FusionInputs:
    """Both estimates of one frame with the images they came from."""

    left: Image  # (H, W, 3) RGB
    right: Image  # (H, W, 3) RGB
    stereo: StereoEstimate
    lidar: LidarEstimate
    focal_baseline: float  # px m: depth times disparity


@dataclass(frozen=True)
class FusedDepth:
    """Result of one frame. Depth is Z in the left camera's optical frame (REP 103), NaN where unknown."""

    depth_m: Array  # (H, W)
    confidence: Array  # (H, W) weight of the lidar against stereo, 0..1
    stereo_depth_m: Array | None = None  # (H, W) dense stereo depth, None when the right image was missing
    lidar_depth_m: Array | None = None  # (H, W) completed lidar depth, None when the sweep was missing
    sparse_depth_m: Array | None = None  # (H, W) visible returns, NaN elsewhere
    stages_ms: dict[str, float] = field(default_factory=dict)  # time of each stage
    agreement: Agreement | None = None  # of stereo and lidar; None when one of them was missing
    search_range: SearchRange | None = None  # of stereo; None when its disparities came from elsewhere
    no_returns: int = 0  # points of the sweep that were none
    compute_uncertainty: Callable[[], Array] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def uncertainty(self) -> Array:
        """(H, W) relative standard deviation of the depth, computed when first asked for.

        NaN where the depth is NaN, and everywhere if the pipeline does not estimate it.
        """
        if self.compute_uncertainty is None:
            return np.full_like(self.depth_m, np.nan)
        return self.compute_uncertainty()

    def suspicion(self, max_dropped: float = MAX_DROPPED) -> str:
        """Reason to distrust the frame because stereo and lidar disagree; empty when they agree or one is absent.

        Args:
            max_dropped: share of the visible returns that stereo may refute before that is said.
        """
        return disagreement(self, max_dropped)
