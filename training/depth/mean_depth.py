# SPDX-License-Identifier: Apache-2.0
"""Mean depth of a training set, a baseline that does not depend on the image; it is kept beside the weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_perception.progress import track
from training.data.depth import Cache

SHRINK = 4  # a mean over many rooms is smooth: a quarter of the size loses nothing
CHUNK = 64  # samples read at a time


def mean_depth_map(cache: Cache, canonical_focal: float = 0.0) -> NDArray[np.float16] | None:
    """Compute (h/4, w/4) metres, the mean of known depth at each place over all samples; None without depth.

    Args:
        cache: the training set.
        canonical_focal: share of the image's side. If not 0, every image's depth is first divided by its camera's
            focal length over it, as the network predicts it. A place that is known in no image gets the mean of all.
    """
    if cache.depths_m is None:
        return None
    total, count = np.zeros(cache.size), np.zeros(cache.size)
    starts = range(0, len(cache), CHUNK)
    for start in track(starts, "mean depth", unit="part", hidden=len(starts) < 20):
        depths_m = np.asarray(cache.depths_m[start : start + CHUNK], np.float32)
        count += (depths_m > 0).sum(0)
        total += np.tensordot(1 / focal_ratios(cache, canonical_focal)[start : start + CHUNK], depths_m, 1)
    total, count = (_coarse(values) for values in (total, count))
    mean = np.divide(total, count, out=np.full_like(total, total.sum() / count.sum()), where=count > 0)
    return mean.astype(np.float16)


def focal_ratios(cache: Cache, canonical_focal: float) -> NDArray[np.float32]:
    """Compute the factors (N,) from canonical depth to each sample's; ones if there is no canonical camera."""
    if not canonical_focal:
        return np.ones(len(cache), np.float32)
    return np.sqrt(cache.cameras[:, 0] * cache.cameras[:, 1]) / np.float32(canonical_focal)


def _coarse(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum values over blocks."""
    for axis in (0, 1):
        values = np.add.reduceat(values, np.arange(0, values.shape[axis], SHRINK), axis)
    return values
