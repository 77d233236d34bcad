# SPDX-License-Identifier: Apache-2.0
"""Regions, warp error, oracle and confidence on a wall whose answers are known, and on real frames."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import scenes
from hypothesis import given
from hypothesis import strategies as st

from geo_perception.datasets import open_dataset
from geo_perception.errors import ConfigError, InputError
from geo_perception.evaluation.metrics import mean_metrics
from geo_perception.evaluation.stereo_lidar_fusion.estimate import Estimate
from geo_perception.evaluation.stereo_lidar_fusion.protocol import (
    FusionProtocol,
    Returns,
    confidence_sums,
    oracle,
    score_frame,
    see_through,
    warp_error,
)

DATA = Path(os.environ.get("GEO_PERCEPTION_DATA", "/nonexistent"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="GEO_PERCEPTION_DATA names no folder")


def plane(depth_m: float) -> np.ndarray:
    return np.full((scenes.HEIGHT, scenes.WIDTH), depth_m, np.float32)


def test_returns_know_their_distance_and_the_upper_scene() -> None:
    returns = Returns.of(scenes.wall())
    assert returns.upper_rows == scenes.FIRST_RETURN_ROW
    rows, columns = np.nonzero(np.isfinite(returns.depth_m))
    v, u = np.mgrid[: scenes.HEIGHT, : scenes.WIDTH]
    brute = np.hypot(v[..., None] - rows, u[..., None] - columns).min(axis=-1)
    np.testing.assert_allclose(returns.distance_px, brute, atol=1e-4)


def test_without_returns_everything_is_away_from_them() -> None:
    frame = replace(scenes.wall(), points_lidar=np.empty((0, 4), np.float32))
    returns = Returns.of(frame)
    assert np.isinf(returns.distance_px).all()
    scores = score_frame(frame, Estimate({"fused": plane(10)}), FusionProtocol())
    everywhere, away = (scores.accuracy["fused"][r]["unscaled"] for r in ("everywhere", "away_from_returns"))
    assert everywhere == away
    assert scores.photometric == {}


def test_points_that_are_no_returns_are_not_counted() -> None:
    frame = scenes.wall()
    for count in (0, len(frame.points_lidar)):
        points = np.concatenate((np.zeros((50, 4), np.float32), frame.points_lidar[:count, :4]))
        scores = score_frame(
            replace(frame, points_lidar=points), Estimate({"fused": plane(10)}), FusionProtocol()
        )
        assert scores.returns == count and bool(scores.returns_in_view) == bool(count)


def test_regions_partition_the_truth() -> None:
    """Wrong only above the returns: no error elsewhere, and the upper scene's own error is exact."""
    frame, depth = scenes.wall(), plane(scenes.WALL_M)
    depth[: scenes.FIRST_RETURN_ROW] += 2
    scores = score_frame(frame, Estimate({"fused": depth})).accuracy["fused"]
    assert scores["upper_scene"]["unscaled"].mae_m == pytest.approx(2)
    share = scenes.FIRST_RETURN_ROW / scenes.HEIGHT
    assert scores["everywhere"]["unscaled"].mae_m == pytest.approx(2 * share)
    assert scores["away_from_returns"]["unscaled"].mae_m > 2 * share
    assert scores["upper_scene"]["median_scaled"].mae_m == pytest.approx(0)


def test_truth_that_ends_below_is_no_upper_scene_truth() -> None:
    frame = scenes.wall()
    assert frame.depth_truth_m is not None
    truth = frame.depth_truth_m.copy()
    truth[: scenes.FIRST_RETURN_ROW - 1] = np.nan  # one row of 24 is less than 5 %
    scores = score_frame(replace(frame, depth_truth_m=truth), Estimate({"fused": plane(10)}))
    assert set(scores.accuracy["fused"]) == {"everywhere", "away_from_returns"}
    assert scores.photometric["fused"].grey_levels < 1


def test_true_depth_warps_right_onto_left_and_a_wrong_one_does_not() -> None:
    frame = scenes.wall()
    error = warp_error(frame, plane(scenes.WALL_M), 20)
    assert np.isnan(error[:, :5]).all()  # the right camera does not see the first 5 columns
    np.testing.assert_allclose(error[:, 5:], 0, atol=1e-3)
    assert np.nanmean(warp_error(frame, plane(scenes.WALL_M * 1.5), 20)) > 5
    assert np.isnan(warp_error(frame, plane(np.nan), 20)).all()


def test_photometric_ratio_uses_pixels_that_both_can_warp() -> None:
    frame, fused = scenes.wall(truth=False), plane(12.0)
    fused[:10] = np.nan
    scores = score_frame(frame, Estimate({"fused": fused, "stereo": plane(14.0)})).photometric["fused"]
    assert 0 < scores.coverage < 14 / 24 + 1e-6
    assert scores.paired_grey_levels == pytest.approx(scores.grey_levels)
    stereo = warp_error(frame, plane(14.0), scenes.FIRST_RETURN_ROW)
    both = np.isfinite(stereo) & np.isfinite(warp_error(frame, fused, scenes.FIRST_RETURN_ROW))
    assert scores.stereo_grey_levels == pytest.approx(float(stereo[both].mean()))


@given(st.integers(0, 2**32 - 1))
def test_oracle_is_never_worse_than_either(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second, target = rng.uniform(1, 80, (3, 50)).astype(np.float32)
    first[rng.random(50) < 0.2] = np.nan
    second[rng.random(50) < 0.2] = np.nan
    chosen = np.abs(oracle(first, second, target) - target)
    best = np.fmin(np.abs(first - target), np.abs(second - target))
    np.testing.assert_array_equal(chosen, best)


@pytest.mark.parametrize(("truth_m", "limit_m"), [(5.0, 0.5), (40.0, 2.0)])
def test_see_through_is_behind_by_both_limits(truth_m: float, limit_m: float) -> None:
    returns = np.array([[truth_m, truth_m + limit_m * 0.99, truth_m + limit_m * 1.01, truth_m - 3, np.nan]])
    behind = see_through(returns.astype(np.float32), np.full((1, 5), truth_m, np.float32), FusionProtocol())
    assert behind.tolist() == [[False, False, True, False, False]]


def test_confidence_is_gathered_by_kind_of_pixel() -> None:
    frame = scenes.wall()
    assert frame.depth_truth_m is not None
    returns = Returns.of(frame)
    at_return = np.isfinite(returns.depth_m)
    truth = frame.depth_truth_m.copy()
    truth[:, :40] = 4.0  # something near hides the wall from the camera, not from the lidar
    behind = at_return & (np.arange(scenes.WIDTH) < 40)
    confidence = np.where(behind, 0.2, np.where(at_return, 0.9, 0.1)).astype(np.float32)
    sums = confidence_sums(confidence, truth, returns, FusionProtocol())
    means = {kind: sums.sums[kind] / sums.counts[kind] for kind in sums.counts}
    assert means["see_through_returns"] == pytest.approx(0.2)
    assert means["visible_returns"] == pytest.approx(0.9)
    assert means["far_from_returns"] == pytest.approx(0.1)
    assert (
        sums.counts["at_returns"]
        == at_return.sum()
        == sum(sums.counts[kind] for kind in ("see_through_returns", "visible_returns"))
    )
    assert set(confidence_sums(confidence, None, returns, FusionProtocol()).counts) == {
        "at_returns",
        "far_from_returns",
    }


def test_wrong_input_is_named() -> None:
    with pytest.raises(InputError, match=r"fused is \(4, 4\), image is \(60, 96\)"):
        score_frame(scenes.wall(), Estimate({"fused": np.ones((4, 4), np.float32)}))
    with pytest.raises(InputError, match="no 'fused' depth among stereo"):
        score_frame(scenes.wall(), Estimate({"stereo": plane(1)}))
    with pytest.raises(ConfigError, match="cap must be positive"):
        FusionProtocol(cap_m=0)


@needs_data
def test_reference_points_of_the_real_frames() -> None:
    """Published PSMNet's disparities and the raw returns, measured independently: RMSE / MAE in metres."""
    dataset = open_dataset(DATA / "kitti_stereo_lidar")
    scores = []
    for index, frame in enumerate(dataset):
        depth_m = frame.rig.depth_from_disparity(dataset.precomputed_disparity(index))
        scores.append(score_frame(frame, Estimate({"fused": depth_m})).accuracy)

    def mean(row: str, region: str) -> tuple[float, float]:
        metrics = mean_metrics([score[row][region]["unscaled"] for score in scores])
        return round(metrics.rmse_m, 2), round(metrics.mae_m, 2)

    assert mean("fused", "everywhere") == (3.03, 0.90)
    assert mean("fused", "away_from_returns") == (3.37, 1.00)
    assert mean("raw_returns", "everywhere") == (3.46, 0.63)
