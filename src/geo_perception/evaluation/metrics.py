# SPDX-License-Identifier: Apache-2.0
"""Depth error measures of one image, in metres.

Predictions are compared as they are: the cap selects target pixels (those beyond it are left out) and never
clips a prediction. A target pixel without prediction has no error; it is counted, in `coverage`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Mask
from geo_perception.errors import InputError

DELTA_BASE = 1.25


@dataclass(frozen=True)
class DepthMetrics:
    """Errors over the covered target pixels; NaN where no target pixel is covered."""

    mae_m: float  # mean |p - t|
    absrel: float  # mean |p - t| / t
    sqrel_m: float  # mean (p - t)^2 / t
    rmse_m: float  # sqrt mean (p - t)^2
    rmselog: float  # sqrt mean (ln p - ln t)^2
    delta1: float  # share of max(p/t, t/p) < 1.25
    delta2: float  # ... < 1.25^2
    delta3: float  # ... < 1.25^3
    coverage: float  # share of the target pixels that have a prediction
    pixels: float  # target pixels asked for (a count; a mean of counts after `mean_metrics`)

    def as_dict(self) -> dict[str, float]:
        """Return the errors by the names used in the tables of the dissertation."""
        return {NAMES[f.name]: getattr(self, f.name) for f in fields(self)}


NAMES = {
    "mae_m": "MAE",
    "absrel": "AbsRel",
    "sqrel_m": "SqRel",
    "rmse_m": "RMSE",
    "rmselog": "RMSElog",
    "delta1": "delta1",
    "delta2": "delta2",
    "delta3": "delta3",
    "coverage": "coverage",
    "pixels": "pixels",
}
ERRORS = tuple(name for name in NAMES if name not in ("coverage", "pixels"))
UNJUDGED = dict.fromkeys(ERRORS, float("nan"))


def depth_metrics(
    pred_m: Array,
    target_m: Array,
    cap_m: float | None = None,
    median_scale: bool = False,
    mask: Mask | None = None,
    *,
    allow_missing: bool = True,
) -> DepthMetrics:
    """Compare a depth map with its truth.

    Args:
        pred_m: (H, W) metres; NaN, infinite or not positive = no prediction.
        target_m: (H, W) metres; NaN or not positive = no truth.
        cap_m: targets beyond it are left out; None = no cap.
        median_scale: multiply the prediction by median(target) / median(prediction) of the compared pixels.
        mask: (H, W) further restriction of the target pixels.
        allow_missing: False raises when a target pixel has no prediction.

    Raises:
        InputError: shapes differ, or predictions are missing and that is not allowed.
    """
    wanted = target_mask(target_m, cap_m, mask)
    if pred_m.shape != target_m.shape:
        raise InputError(f"prediction is {pred_m.shape}, target is {target_m.shape}")
    judged = wanted & known(pred_m)
    pixels, covered = int(wanted.sum()), int(judged.sum())
    if covered < pixels and not allow_missing:
        raise InputError(f"{pixels - covered} of {pixels} target pixels have no prediction")
    coverage = covered / pixels if pixels else float("nan")
    if not covered:
        return DepthMetrics(**UNJUDGED, coverage=coverage, pixels=pixels)
    pred, target = pred_m[judged].astype(np.float64), target_m[judged].astype(np.float64)
    if median_scale:
        pred *= np.median(target) / np.median(pred)
    return DepthMetrics(**_errors(pred, target), coverage=coverage, pixels=pixels)


def target_mask(target_m: Array, cap_m: float | None = None, mask: Mask | None = None) -> Mask:
    """Find the pixels (H, W) that have truth, within the cap, inside the mask.

    Raises:
        InputError: mask of another shape, or a cap that is not positive.
    """
    wanted = known(target_m)
    if cap_m is not None:
        if not cap_m > 0:
            raise InputError(f"cap must be positive metres, got {cap_m}")
        wanted &= target_m <= cap_m
    if mask is not None:
        if mask.shape != target_m.shape:
            raise InputError(f"mask is {mask.shape}, target is {target_m.shape}")
        wanted &= mask
    return wanted


def known(depth_m: Array) -> Mask:
    """Find the pixels (H, W) that hold a depth: finite and positive."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.isfinite(depth_m) & (depth_m > 0))


def mean_metrics(rows: Iterable[DepthMetrics]) -> DepthMetrics:
    """Compute the arithmetic mean over images (of per-image RMSEs, too).

    Coverage is averaged over all images that have truth, the errors over those of them with a prediction.
    """
    with_truth = [row for row in rows if row.pixels > 0]
    judged = [row for row in with_truth if row.coverage > 0]
    errors = {name: _mean([getattr(row, name) for row in judged]) for name in ERRORS}
    coverage, pixels = (_mean([getattr(row, name) for row in with_truth]) for name in ("coverage", "pixels"))
    return DepthMetrics(**errors, coverage=coverage, pixels=pixels if with_truth else 0)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _errors(pred: NDArray[np.float64], target: NDArray[np.float64]) -> dict[str, float]:
    error = pred - target
    ratio = np.maximum(pred / target, target / pred)
    return {
        "mae_m": float(np.abs(error).mean()),
        "absrel": float((np.abs(error) / target).mean()),
        "sqrel_m": float((error**2 / target).mean()),
        "rmse_m": float(np.sqrt((error**2).mean())),
        "rmselog": float(np.sqrt((np.log(pred / target) ** 2).mean())),
        **{f"delta{power}": float((ratio < DELTA_BASE**power).mean()) for power in (1, 2, 3)},
    }


EVERYWHERE = "everywhere"
UNSCALED, MEDIAN_SCALED = "unscaled", "median_scaled"
