# SPDX-License-Identifier: Apache-2.0
"""Uncertainty of fused depth: the relative standard deviation of each pixel, from the results of the stages.

    u^2 = CALIBRATION^2                                      both sensors' calibration, and the lidar's range noise
        + ((1 - c) * DISPARITY_PX / d)^2                     stereo: an error of the disparity d is one of the depth
        + ((1 - c) * UNMATCHED)^2  where stereo has no match   what was filled in
        + (STEREO_GAP * |ln(z / z_stereo)|)^2                  the fused depth left stereo's
        + (EDGE * min(1, step of d / d))^2                     an edge close by: which side is the pixel on?

with c the lidar's confidence. The numbers were fitted to simulated drives (seeds 201 to 224), such that 1.645 u, which
a normal distribution exceeds in a tenth of all cases, is the 90 % quantile of the relative error; for both fusions,
stereo alone and the lidar alone together. `geo-perception eval` measures how well that holds on any data.
"""

from __future__ import annotations

import cv2
import numpy as np

from geo_perception._types import Array
from geo_perception.pipelines.stereo_lidar_fusion.estimates import StereoEstimate

CALIBRATION = 0.007
DISPARITY_PX = 0.53
UNMATCHED = 0.40
STEREO_GAP = 0.11
EDGE = 0.32
EDGE_PX = np.ones((5, 5), np.uint8)


def relative_uncertainty(
    depth_m: Array, confidence: Array, stereo: StereoEstimate | None, focal_baseline: float
) -> Array:
    """(H, W) relative standard deviation of a fused depth, NaN where that is.

    Args:
        depth_m: (H, W) metres, NaN unknown.
        confidence: (H, W) weight of the lidar against stereo, 0 to 1.
        stereo: what went into the fusion; None when there was no right image.
        focal_baseline: px m.
    """
    disparity = np.float32(focal_baseline) / depth_m
    variance = _edges(disparity)
    variance += np.float32(CALIBRATION**2)
    if stereo is not None:
        share = np.subtract(np.float32(1), confidence)
        noise = np.float32(DISPARITY_PX) / disparity
        noise *= noise
        noise += np.float32(UNMATCHED**2) * ~stereo.valid
        noise *= share
        noise *= share
        variance += noise
        gap = np.asarray(cv2.log(depth_m / stereo.depth_m), np.float32)
        gap *= np.float32(STEREO_GAP)
        gap *= gap
        variance += gap
    return np.asarray(np.sqrt(variance, out=variance), np.float32)


def _edges(disparity_px: Array) -> Array:
    """Variance by steps of the disparity around; unknown neighbours are no step, an unknown pixel stays NaN."""
    step = np.asarray(cv2.dilate(_known(disparity_px, 0.0), EDGE_PX), np.float32)
    step -= cv2.erode(_known(disparity_px, np.inf), EDGE_PX)
    step /= disparity_px
    np.minimum(step, np.float32(1), out=step)
    step *= np.float32(EDGE)
    step *= step
    return step


def _known(values: Array, otherwise: float) -> Array:
    """A copy with another value for NaN."""
    out: Array = values.copy()
    cv2.patchNaNs(out, otherwise)
    return out
