# SPDX-License-Identifier: Apache-2.0
"""Input channels of the SCADC-guided network from both estimates of a frame."""

from __future__ import annotations

import cv2
import numpy as np

from geo_perception._types import Array, Image
from geo_perception.networks.scadc_guided import FEATURES, UNIT_M
from geo_perception.pipelines.stereo_lidar_fusion.estimates import FusionInputs, LidarEstimate
from geo_perception.pipelines.stereo_lidar_fusion.morphological_completion import complete_morphology
from geo_perception.pipelines.stereo_lidar_fusion.warping import at_matches

REACH_PX = 5.0
DISPARITY_GAP_PX = 4.0
DETAIL_PX = 9  # side of the mean that is taken off before matching: brightness of the two cameras differs
COST_PX = 7  # side of the window that matching costs are averaged over
STEP_PX = np.ones((5, 5), np.uint8)
STEP_CAP_PX = 8.0
COST_CAP = 20.0  # grey levels; larger differences say no more than this


def fusion_features(inputs: FusionInputs) -> Array:
    """(16, H, W) float32 in the order of networks.scadc_guided.FEATURES.

    Every channel is computed in its place; OpenCV's log and exp take a third of NumPy's time and differ by 1e-6.
    """
    stereo, lidar = inputs.stereo, inputs.lidar
    out = np.empty((len(FEATURES), *stereo.depth_m.shape), np.float32)
    cv2.log(np.multiply(stereo.depth_m, np.float32(1 / UNIT_M), out=out[0]), dst=out[0])
    cv2.log(np.multiply(lidar.depth_m, np.float32(1 / UNIT_M), out=out[1]), dst=out[1])
    cv2.log(np.divide(_raw_completion(inputs), lidar.depth_m, out=out[2]), dst=out[2])
    _describe_returns(lidar, out[3:7])
    out[7] = stereo.valid
    grey, left_detail = _grey_and_detail(inputs.left)
    np.multiply(grey, np.float32(1 / 255), out=out[9])
    right_detail = _grey_and_detail(inputs.right)[1]
    disparities = [np.float32(inputs.focal_baseline) / depth for depth in (stereo.depth_m, lidar.depth_m)]
    np.subtract(disparities[0], disparities[1], out=out[8])
    out[8] *= np.float32(1 / DISPARITY_GAP_PX)
    np.tanh(out[8], out=out[8])
    for channel, disparity in zip((10, 11), disparities, strict=True):
        matching_cost(left_detail, right_detail, disparity, out[channel])
    for channel, disparity in zip((12, 14), disparities, strict=True):
        depth_steps(disparity, out[channel : channel + 2])
    return out


def depth_steps(disparity_px: Array, out: Array) -> None:
    """Into (2, H, W): how far the disparity (H, W) rises, and falls, within STEP_PX, in units of 4 px, at most 2.

    A maximum over a neighbourhood is what convolutions are slowest to learn.
    """
    np.subtract(cv2.dilate(disparity_px, STEP_PX), disparity_px, out=out[0])
    np.subtract(disparity_px, cv2.erode(disparity_px, STEP_PX), out=out[1])
    np.minimum(out, np.float32(STEP_CAP_PX), out=out)
    out *= np.float32(1 / DISPARITY_GAP_PX)


def _describe_returns(lidar: LidarEstimate, out: Array) -> None:
    """Into (4, H, W): excess of the returns over the completion, their mask, reach and distance."""
    mask = ~np.isnan(lidar.sparse_depth_m)
    returns = np.flatnonzero(mask)
    out[0] = 0
    out[0].reshape(-1)[returns] = np.log(lidar.sparse_depth_m.take(returns) / lidar.depth_m.take(returns))
    out[1] = mask
    cv2.exp(np.multiply(lidar.distance_px, np.float32(-1 / REACH_PX), out=out[2]), dst=out[2])
    cv2.log(np.add(lidar.distance_px, np.float32(1), out=out[3]), dst=out[3])
    out[3] *= np.float32(0.25)


def matching_cost(
    left_detail: Array, right_detail: Array, disparity_px: Array, out: Array | None = None
) -> Array:
    """Mean absolute difference of left and warped right detail in a window, capped and scaled to 0..1.

    All are (H, W) float32; the result goes into `out` where given.
    """
    difference = at_matches(right_detail, disparity_px, scratch=out)
    cv2.absdiff(left_detail, difference, dst=difference)
    np.minimum(difference, np.float32(COST_CAP), out=difference)
    mean = np.full(COST_PX, 1 / COST_PX, np.float32)
    scaled = mean * np.float32(1 / COST_CAP)
    return np.asarray(cv2.sepFilter2D(difference, cv2.CV_32F, mean, scaled, dst=out), np.float32)


def _grey_and_detail(image: Image) -> tuple[Image, Array]:
    """Grey image, and what is left of it without the mean around each pixel."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    detail = cv2.boxFilter(grey, cv2.CV_32F, (DETAIL_PX, DETAIL_PX))
    return np.asarray(grey, np.uint8), np.subtract(grey, detail, out=detail)


def _raw_completion(inputs: FusionInputs) -> Array:
    limit = np.float32(np.nanmax(inputs.lidar.depth_m))
    completed = complete_morphology(inputs.lidar.raw_depth_m)
    return np.asarray(np.minimum(completed, limit, out=completed), np.float32)
