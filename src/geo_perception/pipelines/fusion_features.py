# SPDX-License-Identifier: Apache-2.0
"""Input channels of the SCADC-guided network from both estimates of a frame."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception.networks.scadc_guided import FEATURES, UNIT_M
from geo_perception.pipelines.completion import complete_morphology
from geo_perception.pipelines.estimates import FusionInputs

Array = NDArray[np.float32]
Image = NDArray[np.uint8]

REACH_PX = 5.0
DISPARITY_GAP_PX = 4.0
DETAIL_PX = 9  # side of the mean that is taken off before matching: brightness of the two cameras differs
COST_PX = 7  # side of the window that matching costs are averaged over
COST_CAP = 20.0  # grey levels; larger differences say no more than this


def fusion_features(inputs: FusionInputs) -> Array:
    """(12, H, W) float32 in the order of networks.scadc_guided.FEATURES."""
    stereo, lidar = inputs.stereo, inputs.lidar
    left = cv2.cvtColor(inputs.left, cv2.COLOR_RGB2GRAY)
    right_detail = _detail(cv2.cvtColor(inputs.right, cv2.COLOR_RGB2GRAY))
    left_detail = _detail(left)
    returns = ~np.isnan(lidar.sparse_depth_m)
    disparities = [np.float32(inputs.focal_baseline) / depth for depth in (stereo.depth_m, lidar.depth_m)]
    out = np.empty((len(FEATURES), *left.shape), np.float32)
    np.log(stereo.depth_m * np.float32(1 / UNIT_M), out=out[0])
    np.log(lidar.depth_m * np.float32(1 / UNIT_M), out=out[1])
    np.log(_raw_completion(inputs) / lidar.depth_m, out=out[2])
    out[3] = 0
    np.log(lidar.sparse_depth_m / lidar.depth_m, out=out[3], where=returns)
    out[4] = returns
    np.exp(lidar.distance_px * np.float32(-1 / REACH_PX), out=out[5])
    np.multiply(np.log1p(lidar.distance_px), np.float32(0.25), out=out[6])
    out[7] = stereo.valid
    np.tanh((disparities[0] - disparities[1]) * np.float32(1 / DISPARITY_GAP_PX), out=out[8])
    np.multiply(left, np.float32(1 / 255), out=out[9])
    for channel, disparity in zip((10, 11), disparities, strict=True):
        out[channel] = matching_cost(left_detail, right_detail, disparity)
    return out


def matching_cost(left_detail: Array, right_detail: Array, disparity_px: Array) -> Array:
    """Mean absolute difference of left and warped right detail in a window, capped and scaled to 0..1."""
    columns, rows = _grid(*left_detail.shape)
    warped = cv2.remap(
        right_detail, columns - disparity_px, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    difference = np.minimum(cv2.absdiff(left_detail, warped), np.float32(COST_CAP))
    mean = cv2.boxFilter(difference, -1, (COST_PX, COST_PX))
    return np.asarray(mean * np.float32(1 / COST_CAP), np.float32)


def _detail(grey: Image) -> Array:
    values = grey.astype(np.float32)
    return np.asarray(values - cv2.boxFilter(values, -1, (DETAIL_PX, DETAIL_PX)), np.float32)


def _raw_completion(inputs: FusionInputs) -> Array:
    limit = np.float32(np.nanmax(inputs.lidar.depth_m))
    return np.asarray(np.minimum(complete_morphology(inputs.lidar.raw_depth_m), limit), np.float32)


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> tuple[Array, Array]:
    columns = np.broadcast_to(np.arange(width, dtype=np.float32), (height, width))
    rows = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], (height, width))
    return np.ascontiguousarray(columns), np.ascontiguousarray(rows)
