# SPDX-License-Identifier: Apache-2.0
"""Health counts what happened; diagnostics turn it into levels with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from geo_perception.ros.nodes.stereo_lidar_fusion.parameters import FusionSettings
from geo_perception.ros.runtime.diagnostics import ERROR, OK, WARN, Situation, statuses
from geo_perception.ros.runtime.health import REPEAT_S, WINDOW_S, Health

LIMITS = FusionSettings()


@dataclass
class FakeTime:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def health(time: FakeTime) -> Health:
    return Health(("image", "points"), time)


def ten_hertz(health: Health, time: FakeTime, seconds: float = 10.0, age_s: float = 0.05) -> None:
    for _ in range(round(seconds * 10)):
        time.now += 0.1
        health.arrived("image")
        health.arrived("points")
        health.produced(age_s, {"stereo": 40.0})


def part(health: Health, name: str, state: str = "active", wanted: bool = True, **drops: int) -> Any:
    now = Situation(state, wanted, drops, {"device": "cpu"})
    return next(s for s in statuses(health.report(), LIMITS, now) if s.part == name)


def test_rates_ages_and_stages(health: Health, time: FakeTime) -> None:
    ten_hertz(health, time)
    report = health.report()
    assert report.rates_in_hz["image"] == pytest.approx(10, rel=0.05)
    assert report.rate_out_hz == pytest.approx(10, rel=0.05)
    assert report.produced == 100
    assert report.stages_ms == {"stereo": 40.0}
    assert report.age_ms == {"p50": 50.0, "p95": 50.0, "p99": 50.0}


def test_percentiles_are_of_the_right_rank(health: Health) -> None:
    for age in range(101):
        health.produced(age / 1e3, {})
    assert health.report().age_ms == pytest.approx({"p50": 50, "p95": 95, "p99": 99})


def test_a_good_node_is_ok(health: Health, time: FakeTime) -> None:
    ten_hertz(health, time)
    assert [part(health, name).level for name in ("inputs", "outputs", "model")] == [OK, OK, OK]
    assert part(health, "model").values["device"] == "cpu"


@pytest.mark.parametrize(("silence_s", "level"), [(0.5, OK), (2.0, WARN), (6.0, ERROR)])
def test_a_silent_input_is_named_with_its_silence(
    health: Health, time: FakeTime, silence_s: float, level: int
) -> None:
    ten_hertz(health, time)
    time.now += silence_s
    health.arrived("image")
    status = part(health, "inputs")
    assert status.level == level
    if level != OK:
        assert status.message == f"points: no message for {silence_s:.1f} s"


def test_an_input_that_never_came_is_told_apart(health: Health, time: FakeTime) -> None:
    time.now += 7
    assert "points: never a message for 7.0 s" in part(health, "inputs").message


@pytest.mark.parametrize(("age_s", "level"), [(0.4, OK), (0.6, WARN), (2.5, ERROR)])
def test_old_outputs(health: Health, time: FakeTime, age_s: float, level: int) -> None:
    ten_hertz(health, time, age_s=age_s)
    assert part(health, "outputs").level == level


def test_stamps_of_another_clock_get_a_hint(health: Health, time: FakeTime) -> None:
    ten_hertz(health, time, age_s=4e8)
    assert "use_sim_time" in part(health, "outputs").message


def test_idle_degraded_and_silent_outputs(health: Health, time: FakeTime) -> None:
    ten_hertz(health, time)
    assert part(health, "outputs", wanted=False).message.startswith("idle")
    health.produced(0.05, {}, "points: missing")
    assert part(health, "outputs").message == "degraded: points: missing"
    assert part(health, "outputs").level == WARN
    health.produced(0.05, {})
    assert part(health, "outputs").level == OK
    time.now += WINDOW_S + 1
    assert "nothing goes out" in part(health, "outputs").message


def test_trouble_is_reported_once_per_kind_and_from_time_to_time(health: Health, time: FakeTime) -> None:
    assert [health.trouble("a", "text") for _ in range(3)] == [1, 0, 0]
    assert health.trouble("b", "other") == 1
    assert part(health, "outputs").message == "other"
    time.now += REPEAT_S
    assert health.trouble("a", "text") == 4
    assert health.report().troubles == {"text": 4, "other": 1}
    time.now += WINDOW_S
    assert part(health, "outputs").message != "text"


def test_drops_are_shown_by_reason(health: Health) -> None:
    health.dropped("superseded")
    health.dropped("superseded")
    assert part(health, "outputs").values["skipped sets: superseded"] == "2"
    assert part(health, "inputs", late=3).values["dropped messages: late"] == "3"


@pytest.mark.parametrize("state", ["unconfigured", "inactive", "finalized"])
def test_a_node_that_is_not_active_misses_nothing(health: Health, time: FakeTime, state: str) -> None:
    time.now += 100
    assert {part(health, name, state).level for name in ("inputs", "outputs")} == {OK}
    assert part(health, "inputs", state).message == state
