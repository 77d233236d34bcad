# SPDX-License-Identifier: Apache-2.0
"""The lockstep part is over when its last answer has reached the one who measures, not only the one who plays."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from geo_perception.ros.live_eval.phases import LOCKSTEP, report_path
from geo_perception.ros.live_eval.recorder import CONFIDENCE, DEPTH, KINDS
from geo_perception.ros.live_eval.run import QUIET_S, Play

STAMPS = (10, 20, 30)


@pytest.fixture
def heard() -> dict[str, SimpleNamespace]:
    return {topic: SimpleNamespace(received_ns={}) for topic in KINDS}


@pytest.fixture
def play(tmp_path: Path, heard: dict[str, SimpleNamespace]) -> Play:
    rows = [{"bag_stamp_ns": s, "stamp_ns": s, "published_ns": s} for s in STAMPS]
    report_path(tmp_path, LOCKSTEP).write_text(json.dumps({"sent": rows}))
    source = SimpleNamespace(info=lambda: SimpleNamespace(frames=3, duration_s=0.2))
    return Play(source, tmp_path, SimpleNamespace(heard=heard), None, None)


def test_the_last_answer_of_every_output_is_waited_for(play, heard, tmp_path) -> None:
    over = report_path(tmp_path, LOCKSTEP)
    assert not play._caught_up(over)
    heard[DEPTH].received_ns = dict.fromkeys(STAMPS[:2], 1)
    assert not play._caught_up(over)
    heard[DEPTH].received_ns[STAMPS[2]] = 1
    assert play._caught_up(over)  # nobody publishes the others
    heard[CONFIDENCE].received_ns = dict.fromkeys(STAMPS[:2], 1)
    assert not play._caught_up(over)


def test_an_answer_that_got_lost_is_waited_for_no_longer_than_others(play, tmp_path) -> None:
    over = report_path(tmp_path, LOCKSTEP)
    long_ago = over.stat().st_mtime - QUIET_S - 1
    os.utime(over, (long_ago, long_ago))
    assert play._caught_up(over)
