# SPDX-License-Identifier: Apache-2.0
"""Depth metrics against reference numbers and their own properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers import parity
from hypothesis import given
from hypothesis import strategies as st

from geo_perception.errors import InputError
from geo_perception.evaluation.metrics import DepthMetrics, depth_metrics, mean_metrics

SHAPE = (12, 20)
seeds = st.integers(0, 2**32 - 1)


def maps(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and truth, 1..60 m."""
    return tuple(np.random.default_rng(seed).uniform(1, 60, (2, *SHAPE)).astype(np.float32))


def test_reference_numbers_with_a_cap() -> None:
    """SCADC's protocol: targets up to 50 m, predictions (up to 75 m) not clipped."""
    target = np.maximum(parity.image("loss:gt", (2, 1, 48, 64), -10, 70), 0).reshape(96, 64)
    metrics = depth_metrics(
        parity.image("loss:pred3", (2, 1, 48, 64), 1, 75).reshape(96, 64), target, cap_m=50
    )
    golden = parity.load_json("losses")["scadc_metrics_pred3_cap50"]
    got = (metrics.mae_m, metrics.absrel, metrics.rmse_m, metrics.delta1, metrics.delta2, metrics.delta3)
    wanted = [golden[name] for name in ("mae", "absrel", "rmse", "delta1", "delta2", "delta3")]
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_reference_numbers_without_a_cap() -> None:
    """SSDC's protocol, whose errors are in millimetres."""
    shape = (2, 1, 64, 96)
    target = parity.image("ssdc:gt", shape, 2, 60) * (parity.image("ssdc:gtm", shape) > 0.5)
    pred = parity.image("ssdc:pred", shape, 2, 60)
    metrics = depth_metrics(pred.reshape(128, 96), target.reshape(128, 96))
    golden = parity.load_json("losses")["ssdc"]["metrics_vs_gt"]
    got = (metrics.mae_m * 1e3, metrics.absrel, metrics.rmse_m * 1e3, metrics.delta1, metrics.delta3)
    wanted = [golden[name] for name in ("mae", "absrel", "rmse", "delta1", "delta3")]
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_definitions() -> None:
    """AbsRel, SqRel and RMSElog of two pixels by hand."""
    metrics = depth_metrics(np.array([[3.0, 8.0]], np.float32), np.array([[2.0, 10.0]], np.float32))
    assert metrics.absrel == pytest.approx((1 / 2 + 2 / 10) / 2)
    assert metrics.sqrel_m == pytest.approx((1 / 2 + 4 / 10) / 2)
    assert metrics.rmselog == pytest.approx(math.sqrt((math.log(1.5) ** 2 + math.log(0.8) ** 2) / 2))
    assert (metrics.delta1, metrics.delta2, metrics.delta3) == (0.0, 1.0, 1.0)  # 1.25 is not below 1.25


@given(seeds)
def test_truth_predicts_itself(seed: int) -> None:
    truth, _ = maps(seed)
    metrics = depth_metrics(truth, truth)
    errors = (metrics.mae_m, metrics.absrel, metrics.sqrel_m, metrics.rmse_m, metrics.rmselog)
    assert errors == (0, 0, 0, 0, 0)
    assert (metrics.delta1, metrics.delta2, metrics.delta3, metrics.coverage) == (1, 1, 1, 1)


@given(seeds, st.floats(0.05, 20))
def test_median_scaling_forgives_any_scale(seed: int, scale: float) -> None:
    pred, truth = maps(seed)
    plain = depth_metrics(pred, truth, median_scale=True)
    scaled = depth_metrics(pred * np.float32(scale), truth, median_scale=True)
    assert scaled.rmse_m == pytest.approx(plain.rmse_m, rel=1e-4)
    assert depth_metrics(truth * np.float32(scale), truth, median_scale=True).absrel < 1e-5


@given(seeds)
def test_order_of_pixels_does_not_matter(seed: int) -> None:
    pred, truth = maps(seed)
    order = np.random.default_rng(seed).permutation(pred.size)
    shuffled = depth_metrics(pred.ravel()[order], truth.ravel()[order])
    assert shuffled.rmse_m == pytest.approx(depth_metrics(pred, truth).rmse_m)


@given(seeds, st.floats(5, 60))
def test_cap_and_mask_choose_target_pixels(seed: int, cap_m: float) -> None:
    pred, truth = maps(seed)
    capped = depth_metrics(pred, truth, cap_m=cap_m)
    assert capped == depth_metrics(pred, truth, mask=truth <= cap_m)
    assert capped.pixels == (truth <= cap_m).sum()


def test_predictions_are_not_clipped_to_the_cap() -> None:
    metrics = depth_metrics(np.full(SHAPE, 100, np.float32), np.full(SHAPE, 60, np.float32), cap_m=80)
    assert metrics.mae_m == 40


@pytest.mark.parametrize("missing", [np.nan, np.inf, 0.0, -1.0])
def test_missing_predictions_are_counted_not_judged(missing: float) -> None:
    pred, truth = maps(3)
    pred[:3] = missing
    metrics = depth_metrics(pred, truth)
    assert metrics.pixels == truth.size
    assert metrics.coverage == pytest.approx(9 / 12)
    assert metrics.rmse_m == depth_metrics(pred[3:], truth[3:]).rmse_m
    with pytest.raises(InputError, match="60 of 240 target pixels have no prediction"):
        depth_metrics(pred, truth, allow_missing=False)


def test_nothing_to_judge_is_nan_not_zero() -> None:
    pred, truth = maps(4)
    uncovered = depth_metrics(np.full(SHAPE, np.nan, np.float32), truth)
    assert math.isnan(uncovered.rmse_m)
    assert uncovered.coverage == 0
    without_truth = depth_metrics(pred, np.full(SHAPE, np.nan, np.float32))
    assert math.isnan(without_truth.rmse_m)
    assert math.isnan(without_truth.coverage)
    assert without_truth.pixels == 0


def test_bad_arguments_are_named() -> None:
    pred, truth = maps(5)
    with pytest.raises(InputError, match=r"prediction is \(11, 20\), target is \(12, 20\)"):
        depth_metrics(pred[1:], truth)
    with pytest.raises(InputError, match=r"mask is \(11, 20\)"):
        depth_metrics(pred, truth, mask=np.ones((11, 20), bool))
    with pytest.raises(InputError, match="cap must be positive metres, got -1"):
        depth_metrics(pred, truth, cap_m=-1)


def test_mean_is_over_images_and_keeps_the_coverage_of_failures() -> None:
    """An image without any prediction must show in the coverage, since its error cannot show."""
    pred, truth = maps(6)
    good, nothing = depth_metrics(pred, truth), depth_metrics(np.full(SHAPE, np.nan, np.float32), truth)
    untold = depth_metrics(pred, np.full(SHAPE, np.nan, np.float32))
    mean = mean_metrics([good, nothing, untold])
    assert mean.rmse_m == good.rmse_m
    assert mean.coverage == 0.5
    assert mean_metrics([]).pixels == 0


def test_names_are_those_of_the_tables() -> None:
    names = list(DepthMetrics(1, 2, 3, 4, 5, 6, 7, 8, 9, 10).as_dict())
    assert names[:8] == ["MAE", "AbsRel", "SqRel", "RMSE", "RMSElog", "delta1", "delta2", "delta3"]
