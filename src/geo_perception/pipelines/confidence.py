# SPDX-License-Identifier: Apache-2.0
"""Fusion without weights: trust the lidar near its returns, stereo elsewhere (the prior behind SCADC's guide)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_perception.pipelines.estimates import FusionInputs

Array = NDArray[np.float32]

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
    trust = np.exp(distance * np.float32(-1 / REACH_PX)) * np.float32(1 / FULL_TRUST)
    unmatched = np.float32(UNMATCHED_TRUST) * np.exp(distance * np.float32(-1 / UNMATCHED_REACH_PX))
    confidence = np.minimum(np.where(inputs.stereo.valid, trust, np.maximum(trust, unmatched)), np.float32(1))
    ratio = inputs.lidar.depth_m / inputs.stereo.depth_m
    return inputs.stereo.depth_m * ratio**confidence, confidence
