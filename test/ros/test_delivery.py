# SPDX-License-Identifier: Apache-2.0
"""Large best-effort messages between two processes arrive with the profile that is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.processes import new_domain

from geo_perception.errors import InputError
from geo_perception.ros.delivery import DeliveryResult, measure_delivery

PROFILE = Path(__file__).resolve().parents[2] / "config" / "fastdds_localhost.xml"


@pytest.mark.parametrize("wrong", [{"count": 0}, {"rate_hz": 0.0}, {"size": 0}])
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="positive"):
        measure_delivery(**wrong)  # type: ignore[arg-type]


def test_one_in_a_hundred_may_be_lost() -> None:
    assert DeliveryResult(100, 99, 1.0).complete
    assert not DeliveryResult(100, 98, 1.0).complete


@pytest.mark.ros
def test_all_arrive_with_the_shipped_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", str(PROFILE))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("ROS_DOMAIN_ID", str(new_domain()))
    # A machine that is busy with something else for half a second loses some; without the profile most are lost always.
    measured = (measure_delivery(count=20) for _ in range(3))
    found = next((each for each in measured if each.received == each.sent == 20), None)
    assert found is not None and found.median_latency_ms > 0
