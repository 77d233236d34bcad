# SPDX-License-Identifier: Apache-2.0
"""Stereo and lidar checked against each other where both have a value.

Rectification and matching leave a small disparity error in every frame, which the returns show. Returns from behind
glass or from beyond a roof lie far behind a surface that stereo has matched.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.pipelines.stereo_lidar_fusion.estimates import StereoEstimate

MIN_RETURNS = 500  # with fewer, a line through them says more about outliers than about the rig
MAX_ERROR_PX = 2.0  # farther apart, stereo and lidar saw different surfaces
MAX_RETURNS = 4000  # every n-th return is enough for two numbers
ROUNDS = 5
MIN_SPREAD_PX = 1.0
CONTRADICTION_PX, CONTRADICTION_SHARE = 6.0, 0.1  # how far stereo must be in front of a return to refute it
FULL_TRUST_PX, NO_TRUST_PX = (
    10.0,
    50.0,
)  # distance to the nearest return: between beams, and above all of them


def align_disparity(disparity_px: Array, reference_px: Array) -> tuple[float, float]:
    """Scale and offset with scale * disparity + offset ~ reference, by least squares on ever closer pairs.

    Args:
        disparity_px: (N,) stereo disparities at pixels with a return.
        reference_px: (N,) disparities of those returns.

    Returns:
        (scale, offset in px); (1, 0) when fewer than 500 pairs agree within 2 px.
    """
    step = 1 + len(disparity_px) // MAX_RETURNS
    x, y = disparity_px[::step].astype(np.float64), reference_px[::step].astype(np.float64)
    scale, offset, limit = 1.0, 0.0, MAX_ERROR_PX
    for _ in range(ROUNDS):
        error = np.abs(scale * x + offset - y)
        close = error < limit
        if np.count_nonzero(close) * step < MIN_RETURNS:
            return 1.0, 0.0
        scale, offset = _line(x[close], y[close])
        limit = max(3 * float(np.median(error[close])), 0.2)
    return scale, offset


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    x_mean, y_mean = float(x.mean()), float(y.mean())
    x = x - x_mean
    spread = float(np.dot(x, x))
    if spread < MIN_SPREAD_PX**2 * len(x):  # one wall: its distance gives an offset, but no scale
        return 1.0, y_mean - x_mean
    scale = float(np.dot(x, y - y_mean)) / spread
    return scale, y_mean - scale * x_mean


def alignment_trust(distance_px: Array) -> Array:
    """Share of the correction to apply, (H, W) in 0..1, by the distance to the nearest return.

    The line is fitted to what the lidar sees; far above its view it would be an extrapolation.
    """
    share = np.subtract(np.float32(NO_TRUST_PX), distance_px)
    share *= np.float32(1 / (NO_TRUST_PX - FULL_TRUST_PX))
    return np.asarray(np.clip(share, 0, 1, out=share), np.float32)


def unrefuted_returns(sparse_depth_m: Array, stereo: StereoEstimate, focal_baseline: float) -> Array:
    """Sparse depth (H, W) without the returns that a surface clearly in front of them refutes.

    A return goes when the aligned stereo disparity at its pixel is larger by more than 6 px and a tenth. Filled-in
    stereo counts too: it is the farther of two neighbours, so both of them stand in front. The opposite, a return in
    front of stereo, is kept: stereo loses thin and smooth things, the lidar invents none.
    """
    at = np.flatnonzero(~np.isnan(sparse_depth_m))  # few pixels: what follows is done on them alone
    seen = np.float32(focal_baseline) / stereo.depth_m.take(at)
    measured = np.float32(focal_baseline) / sparse_depth_m.take(at)
    matched = stereo.valid.take(at)
    scale, offset = align_disparity(seen[matched], measured[matched])
    ahead = np.float32(scale) * seen + np.float32(offset) - measured
    limit = np.maximum(np.float32(CONTRADICTION_PX), np.float32(CONTRADICTION_SHARE) * measured)
    out: Array = sparse_depth_m.copy(order="C")
    out.reshape(-1)[at[ahead > limit]] = np.nan
    return out
