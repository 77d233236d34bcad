# SPDX-License-Identifier: Apache-2.0
"""Objects nearer than stereo searches: found, and never taken for the background."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from geo_perception._types import Image, Mask
from geo_perception.pipelines.stereo_lidar_fusion.estimates import LidarEstimate, StereoEstimate
from geo_perception.pipelines.stereo_lidar_fusion.sgbm import DISPARITY_STEP_PX, Sgbm, SgbmConfig

COARSE = 4  # the images are searched once more at this fraction of their size, at least so many times as near


COARSE_SHARE = 0.75  # of the width that this search goes to: what is nearer, the right image hardly shows


COARSE_SPECKLE_PX = 24  # smaller regions are no obstacle that near


RIM = np.ones((3, 3), np.uint8)  # of such regions: the edge lies somewhere in the next coarse pixel


REACHED = 0.97  # share of the search that a coarse disparity must exceed


AGREEMENT = 0.1  # stereo and lidar see one surface: depths differ by less than this share


def nearer_than_searched(coarse: Sgbm, left: Image, right: Image, searched_px: int) -> Mask:
    """(H, W) pixels whose match lies beyond the search, found at a quarter of the size.

    There, as many disparities reach four times as near, and it goes on to COARSE_SHARE of the width. A search that ends
    too early does not fail on near surfaces: it finds some other match, of the background as a rule.

    Args:
        coarse: from `coarse_matcher`.
        left: (H, W, 3) RGB, rectified.
        right: (H, W, 3) RGB, rectified.
        searched_px: disparities that were tried at full size.
    """
    height, width = left.shape[:2]
    size = width // COARSE, height // COARSE
    if searched_px >= width or min(size) < COARSE:
        return np.zeros((height, width), np.bool_)
    small, other = (
        np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8) for image in (left, right)
    )
    widest = int(COARSE_SHARE * size[0] / DISPARITY_STEP_PX) * DISPARITY_STEP_PX
    disparity, matched = coarse(small, other, max(searched_px, widest))
    matched &= disparity * np.float32(width / size[0]) > np.float32(REACHED * searched_px)
    if not matched.any():
        return np.zeros((height, width), np.bool_)
    grown = cv2.dilate(matched.view(np.uint8), RIM)
    wide = cv2.resize(grown, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(wide.view(np.bool_))


def coarse_matcher() -> Sgbm:
    """Make the matcher of `nearer_than_searched`; each pipeline needs its own, since it keeps buffers."""
    return Sgbm(SgbmConfig(speckle_px=COARSE_SPECKLE_PX))


def without_too_near(
    stereo: StereoEstimate, lidar: LidarEstimate | None, beyond: Mask, nearest_m: float, reach_px: float
) -> tuple[StereoEstimate, Mask]:
    """Stereo without what it cannot have seen, and the pixels that nobody knows.

    Too near for stereo is what the coarse search says, unless lidar and stereo agree on something farther, and what
    the lidar says by returns close by. There stereo takes the lidar's depth; where the lidar has none that near,
    the depth is unknown.

    Args:
        stereo: of the frame.
        lidar: of the frame, if there is one.
        beyond: (H, W), from `nearer_than_searched`.
        nearest_m: nearest depth that stereo searched.
        reach_px: how far a return speaks for the pixels around it.
    """
    if lidar is None:
        return replace(stereo, valid=stereo.valid & ~beyond), beyond
    close = lidar.distance_px <= np.float32(reach_px)
    near_return = close & (lidar.depth_m < np.float32(nearest_m))
    if not (near_return.any() or beyond.any()):
        return stereo, beyond
    agree = np.abs(stereo.depth_m / lidar.depth_m - 1) < np.float32(AGREEMENT)
    too_near = (beyond & ~(agree & stereo.valid & close)) | near_return
    known = close & (lidar.depth_m < np.float32(nearest_m * (1 + AGREEMENT))) & too_near
    depth_m = np.where(known, lidar.depth_m, stereo.depth_m)
    return StereoEstimate(depth_m, stereo.valid & ~too_near), too_near & ~known
