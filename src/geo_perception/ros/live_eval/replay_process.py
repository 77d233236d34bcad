# SPDX-License-Identifier: Apache-2.0
"""Replay process of a live evaluation.

Run as `python -m geo_perception.ros.live_eval.replay_process BAG FOLDER LOOPS RATE ANSWER_S SOURCE`.

The same publishers play the bag in lockstep and then in real time, so that the timed phase begins with everything
connected. A report of what was sent is written to FOLDER as each phase ends. SOURCE is JSON: topics, prefix and
windows.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path

from geo_perception.errors import GeoPerceptionError
from geo_perception.ros.bags import BagTopics, MatchWindows
from geo_perception.ros.live_eval.phases import LOCKSTEP, REAL_TIME, report_path
from geo_perception.ros.replay import ReplayConfig, replay_each


def main() -> None:
    """Play both phases."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # unwinding frees shared memory
    bag, folder, loops, rate, answer_s, source = sys.argv[1:]
    given = json.loads(source)
    kinds = {"topics": BagTopics(**given["topics"]), "windows": MatchWindows(**given["windows"])}
    common = ReplayConfig(restamp=True, **{**given, **kinds})
    phases = {
        LOCKSTEP: replace(common, lockstep=True, answer_timeout_s=float(answer_s)),
        REAL_TIME: replace(common, loops=int(loops), rate=float(rate)),
    }
    try:
        for phase, result in zip(phases, replay_each(bag, list(phases.values())), strict=True):
            path = report_path(Path(folder), phase)
            aside = path.with_suffix(".partial")
            aside.write_text(json.dumps(asdict(result)) + "\n")
            aside.rename(path)
    except GeoPerceptionError as error:
        sys.exit(f"replay: {error}")


if __name__ == "__main__":
    main()
