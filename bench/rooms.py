# SPDX-License-Identifier: Apache-2.0
"""Simulated rooms: one stereo frame at 192x192, and building an environment, both in one thread."""

from __future__ import annotations

import time

from bench.table import Row
from geo_perception.simulation.rooms import RoomSimulator

SEEDS, FRAMES = range(4), 10


def run() -> list[Row]:
    """Processor time, so that what else runs matters little; the reference is 20 frames/s on 2 cores."""
    building, framing = 0.0, 0.0
    for seed in SEEDS:
        simulator = RoomSimulator(seed)
        start = time.process_time()
        simulator.frame(0)
        building += time.process_time() - start
        start = time.process_time()
        for index in range(1, FRAMES + 1):
            simulator.frame(index)
        framing += time.process_time() - start
    build_ms, frame_ms = 1e3 * building / len(SEEDS), 1e3 * framing / len(SEEDS) / FRAMES
    target_ms = 100.0  # a core's share of 20 stereo frames a second on two cores
    return [
        Row("rooms: build and light an environment", build_ms),
        Row(
            "rooms: stereo frame 192x192 with depth and normals",
            frame_ms,
            target_ms / frame_ms,
            "100 ms a core",
        ),
    ]
