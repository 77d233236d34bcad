# SPDX-License-Identifier: Apache-2.0
"""The synchroniser: time per message with synchronised streams, and with queues filled by a missing one."""

from __future__ import annotations

from bench.table import Row, median_ms
from geo_perception.sync import Stream, Synchronizer

NAMES = ("left", "right", "points", "radar")
SETS = 500
PERIOD_NS = 100_000_000


def run() -> list[Row]:
    """Rows of milliseconds per message; the second also as a ratio to the first."""
    matching = _per_message(NAMES)
    waiting = _per_message(NAMES[:3])
    return [
        Row("synchroniser, message of 4 equal stamps", matching),
        Row(
            "synchroniser, message with 3 queues of 100 full",
            waiting,
            matching / waiting,
            "a message of 4 equal stamps",
        ),
    ]


def _per_message(speaking: tuple[str, ...]) -> float:
    def feed() -> None:
        sync = Synchronizer([Stream(name, 0.05) for name in NAMES], pivot="left", queue_size=100)
        for k in range(SETS):
            for name in speaking:
                sync.add(name, k * PERIOD_NS, k)

    return median_ms(feed) / (SETS * len(speaking))
