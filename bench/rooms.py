# SPDX-License-Identifier: Apache-2.0
"""Simulated rooms at 192x192 in one thread: building an environment, a stereo frame of it, and both with files."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2

from bench.table import Row
from geo_perception.simulation.rooms import RoomConfig, RoomSimulator
from geo_perception.simulation.rooms.simsin import Job, write_environment

SEEDS, FRAMES = range(4), 10
VIEWS = (16, 50)  # an environment: a varied set, and what `simulate-rooms` makes unless told otherwise
TARGET_MS = 100.0  # a core's share of 20 stereo frames a second on two cores


def run() -> list[Row]:
    """Processor time, so that what else runs matters little; the reference is 20 frames/s on 2 cores."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # as in the worker processes of `simulate-rooms`
    try:
        RoomSimulator(len(SEEDS)).frame(
            0
        )  # a process imports the ray caster once, however many rooms it makes
        simulators = [RoomSimulator(seed) for seed in SEEDS]
        build_ms = _processor_ms(lambda: [s.environment for s in simulators]) / len(SEEDS)
        frame_ms = _processor_ms(lambda: [list(s.frames(FRAMES)) for s in simulators]) / len(SEEDS) / FRAMES
        all_ms = {views: _processor_ms(partial(_write, views)) / len(SEEDS) / views for views in VIEWS}
    finally:
        cv2.setNumThreads(threads)
    return [
        Row("rooms: build and light an environment", build_ms),
        _against_target("rooms: stereo frame 192x192 with depth and normals", frame_ms),
        *(
            _against_target(f"rooms: the same all in, {views} views an environment, written to files", ms)
            for views, ms in all_ms.items()
        ),
    ]


def _write(views: int) -> None:
    """Whole environments, as a worker of `simulate-rooms --no-trajectories` writes them."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            write_environment(Job(Path(folder), seed, views, False, RoomConfig()))


def _processor_ms(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return 1e3 * (time.process_time() - start)


def _against_target(name: str, milliseconds: float) -> Row:
    return Row(name, milliseconds, TARGET_MS / milliseconds, f"{TARGET_MS:.0f} ms a core")
