# SPDX-License-Identifier: Apache-2.0
"""Whole runs with a pipeline that knows the answer: the tree of metrics.json, and that it repeats."""

from __future__ import annotations

import json

import numpy as np
import pytest
from helpers import scenes

from geo_perception.errors import ConfigError, InputError
from geo_perception.evaluation import speed_metrics
from geo_perception.evaluation.stereo_lidar_fusion import Estimate, Evaluation, evaluate
from geo_perception.evaluation.stereo_lidar_fusion.run import limited
from geo_perception.evaluation.stereo_lidar_fusion.tables import all_tables, brief_tables
from geo_perception.frames import StereoLidarFrame
from geo_perception.pipelines import FusedDepth


def wall_pipeline(frame: StereoLidarFrame) -> FusedDepth:
    return scenes.answer(10.5)


def walls(count: int = 3) -> list[StereoLidarFrame]:
    return [scenes.wall(f"{i:06d}", seed=i) for i in range(count)]


def test_rows_and_their_errors() -> None:
    others = {"official": lambda frame: scenes.answer(11.0)}
    metrics = evaluate(wall_pipeline, walls(), compare=others).metrics()
    rows = {row: regions["everywhere"]["unscaled"] for row, regions in metrics["accuracy"].items()}
    assert list(rows) == ["fused", "official", "stereo", "lidar", "visible_returns", "oracle", "raw_returns"]
    mae = {row: round(errors["MAE"], 4) for row, errors in rows.items()}
    assert mae == {
        "fused": 0.5,
        "official": 1.0,
        "stereo": 2.0,
        "lidar": 1.0,
        "visible_returns": 0.0,
        "oracle": 1.0,
        "raw_returns": 0.0,
    }
    assert rows["fused"]["coverage"] == 1
    assert 0 < rows["raw_returns"]["coverage"] < 0.05
    assert metrics["accuracy"]["fused"]["everywhere"]["median_scaled"]["MAE"] == pytest.approx(0, abs=1e-6)
    assert "away_from_returns" not in metrics["accuracy"]["raw_returns"]
    assert metrics["protocol"]["cap_m"] == 80
    assert list(metrics["confidence"]) == ["fused", "official"]


def test_scene_completeness_compares_with_stereo() -> None:
    completeness = evaluate(wall_pipeline, walls()).metrics()["scene_completeness"]
    assert completeness["depth_over_stereo"]["stereo"] == {"RMSE": 1, "MAE": 1}
    assert completeness["depth_over_stereo"]["fused"]["MAE"] == pytest.approx(0.25)  # 0.5 m against 2 m
    assert completeness["photometric"]["stereo"]["over_stereo"] == 1
    assert completeness["photometric"]["fused"]["over_stereo"] < 1


def test_two_runs_give_the_same_metrics_but_for_timings() -> None:
    first, second = (evaluate(wall_pipeline, walls()).metrics() for _ in range(2))
    for metrics in (first, second):
        assert metrics.pop("timings")["NUM_FRAMES_SENT"] == 3
    assert json.dumps(first, allow_nan=False) == json.dumps(second, allow_nan=False)


def test_frames_without_truth_are_run_and_counted() -> None:
    frames = [scenes.without_truth(walls()[0]), *walls()[1:]]
    metrics = evaluate(wall_pipeline, frames).metrics()
    assert (metrics["frames"], metrics["frames_with_truth"]) == (3, 2)
    untold = evaluate(wall_pipeline, map(scenes.without_truth, walls())).metrics()
    assert untold["accuracy"] == {}
    assert untold["scene_completeness"]["photometric"]["fused"]["frames"] == 3
    assert untold["confidence"]["fused"]["at_returns"]["mean"] == 0.25


def test_observer_sees_every_frame_in_order() -> None:
    seen: list[str] = []
    evaluate(wall_pipeline, walls(), observer=lambda frame, estimate, score: seen.append(score.name))
    assert seen == ["000000", "000001", "000002"]


def test_received_messages_are_scored_without_the_inputs_of_the_pipeline() -> None:
    """The demo sees only what the node publishes, and some answers never come."""
    evaluation, frames = Evaluation(), walls()
    for index, frame in enumerate(frames):
        evaluation.time(frame.name, index * 100_000_000, index * 100_000_000 + 30_000_000 if index else None)
        if index:
            evaluation.add(frame, Estimate({"fused": scenes.answer(10.5).depth_m}))
    metrics = evaluation.metrics()
    assert metrics["timings"]["NUM_MISSED_FRAMES"] == 1
    assert list(metrics["accuracy"]) == ["fused", "raw_returns"]
    assert all(table.rows for table in all_tables(metrics))


def test_reserved_rows_and_bad_limits_are_refused() -> None:
    with pytest.raises(ConfigError, match="may not be named stereo"):
        evaluate(wall_pipeline, walls(), compare={"stereo": wall_pipeline})
    with pytest.raises(ConfigError, match="at least 1 frame, got 0"):
        list(limited(walls(), 0))


def test_limit_reads_no_frame_too_many() -> None:
    source = iter(walls())
    assert [frame.name for frame in limited(source, 2)] == ["000000", "000001"]
    assert next(source).name == "000002"


def test_speed_metrics_of_a_steady_run() -> None:
    sent = {str(i): i * 100_000_000 for i in range(5)}
    received = {name: at + 20_000_000 for name, at in sent.items() if name != "4"}
    speed = speed_metrics(sent, received)
    assert speed["MEAN_FRAME_RATE"] == pytest.approx(10)
    assert speed["NUM_MISSED_FRAMES"] == 1
    assert speed["MEAN_LATENCY"] == speed["MAX_LATENCY"] == speed["MIN_LATENCY"] == 20
    assert speed["MEAN_JITTER"] == speed["STD_DEV_JITTER"] == 0


def test_speed_metrics_of_too_few_frames_are_unknown() -> None:
    assert speed_metrics({}, {})["MEAN_FRAME_RATE"] is None
    assert speed_metrics({"a": 0}, {"a": 5})["MEAN_JITTER"] is None
    with pytest.raises(InputError, match="no sent frame explains: b"):
        speed_metrics({"a": 0}, {"b": 5})


def test_terminal_tables_are_aligned() -> None:
    tables = brief_tables(evaluate(wall_pipeline, walls()).metrics())
    assert tables[0].title == "Depth error, as the robot gets it"
    for table in tables:
        lengths = {len(line.rstrip()) for line in table.as_text().splitlines()[1:2]}
        assert len(lengths) == 1
    assert "fused" in tables[0].as_text()
    assert np.isclose(float(tables[0].rows[0][2]), 0.5)
