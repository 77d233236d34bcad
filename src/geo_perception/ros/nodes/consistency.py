# SPDX-License-Identifier: Apache-2.0
"""Whether two sensors that should see the same world do: what no message is malformed enough to tell."""

from __future__ import annotations

import numpy as np

from geo_perception.pipelines import FusedDepth

SAMPLE = 2000  # returns looked at, spread over the image: enough for a median
MIN_RETURNS = 50
MAX_DISAGREEMENT = (
    0.5  # of the depth, median; SGBM on street recordings has 0.02, with the images swapped 1.7 to 4
)


def disagreement(fused: FusedDepth) -> str:
    """What to suspect when stereo and the lidar's returns differ in general; empty when they agree or one is absent.

    The output then rests on one of them at most, though every message by itself was in order.
    """
    if fused.stereo_depth_m is None or fused.sparse_depth_m is None:
        return ""
    where = np.flatnonzero(np.isfinite(fused.sparse_depth_m) & np.isfinite(fused.stereo_depth_m))
    if len(where) < MIN_RETURNS:
        return ""
    where = where[:: 1 + len(where) // SAMPLE]
    ratio = fused.stereo_depth_m.ravel()[where] / fused.sparse_depth_m.ravel()[where]
    relative = float(np.median(np.abs(ratio - 1)))
    if relative <= MAX_DISAGREEMENT:
        return ""
    return (
        f"stereo and lidar disagree by {relative:.0%} of the depth: left and right images swapped, "
        "wrong calibration or extrinsics, or an image without texture?"
    )
