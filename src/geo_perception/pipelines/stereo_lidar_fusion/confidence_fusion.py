# SPDX-License-Identifier: Apache-2.0
"""Fusion without weights: trust the lidar near its returns, stereo elsewhere (the prior behind SCADC's guide)."""

from __future__ import annotations

import numpy as np

from geo_perception._types import Array
from geo_perception.pipelines.stereo_lidar_fusion.estimates import FusionInputs

REACH_PX = 3.0  # e-folding distance of the trust in a return
FULL_TRUST = 0.4  # below this share of trust stereo begins to enter: 2.7 px, half the gap between beams
UNMATCHED_REACH_PX = 30.0  # where stereo found no match, completion is believed this much farther out
UNMATCHED_TRUST = 0.9


def confidence_fusion(inputs: FusionInputs) -> tuple[Array, Array]:
    """Blend both depth maps in log depth by the distance to the nearest visible return.

    Returns:
        depth (H, W) metres and lidar confidence (H, W) in 0..1.
    """
    distance = inputs.lidar.distance_px
    confidence = _decay(distance, REACH_PX, 1 / FULL_TRUST)
    unmatched = _decay(distance, UNMATCHED_REACH_PX, UNMATCHED_TRUST)
    unmatched *= ~inputs.stereo.valid
    np.maximum(confidence, unmatched, out=confidence)
    np.minimum(confidence, np.float32(1), out=confidence)
    depth_m = inputs.lidar.depth_m / inputs.stereo.depth_m
    np.power(depth_m, confidence, out=depth_m)
    depth_m *= inputs.stereo.depth_m
    return depth_m, confidence


def _decay(distance_px: Array, reach_px: float, start: float) -> Array:
    """Compute `start` * exp(-distance / reach), (H, W), with one new image only."""
    out = distance_px * np.float32(-1 / reach_px)
    np.exp(out, out=out)
    out *= np.float32(start)
    return np.asarray(out, np.float32)
