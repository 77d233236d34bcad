# SPDX-License-Identifier: Apache-2.0
"""Legends and hover texts of fused depth's tables: the meaning of each row in a sentence."""

from __future__ import annotations

ROW_HELP = {
    "fused": "depth from stereo and lidar together: what the node publishes",
    "stereo alone": "depth from the two images without the lidar",
    "completed lidar alone": "the lidar's returns, spread over the whole image without stereo",
    "visible returns, at their pixels": "returns that were fused, only where they fall",
    "raw returns, at their pixels": "all returns as projected, also those that look past something near",
    "oracle: better of stereo and lidar": "at each pixel the one nearer to the truth: a bound, as it knows the truth",
}

CONFIDENCE_KINDS = {
    "at_returns": "pixels with a lidar return",
    "far_from_returns": "pixels farther from every return than a network can see",
    "see_through_returns": "returns behind the surface that the camera sees: the lower the better",
    "visible_returns": "returns on the surface that the camera sees: the higher the better",
    "at_minus_far": "difference of the two: near 0 means that confidence does not follow the lidar",
    "visible_minus_see_through": "difference of the two: near 0 means that wrong returns are believed",
}

UNCERTAINTY_HELP = {
    "said of": "share of the pixels that are said to be within so much of the truth with a probability of 90 %",
    "right": "share of those that are; 0.9 or more is what was promised",
    "90% interval": "all pixels, each with its own interval of 90 %",
}
