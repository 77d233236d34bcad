# SPDX-License-Identifier: Apache-2.0
"""An image's time with one busy process beside it, against a quiet machine: both pipelines, on a node's worker thread.

`python -m bench.busy [NAME=VALUE[,NAME=VALUE] ...]` compares further environments with the usual one, for example
`GOMP_SPINCOUNT=1000`. "without the cure" is PyTorch's own way: as many threads as cores, turning round while they wait.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from typing import Any

import numpy as np

from bench.table import AS_LONG, Row, format_table

WITHOUT = {
    "GOMP_SPINCOUNT": "300000",
    "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))),
}  # libgomp's default
IMAGES = {"indoor_depth": 150, "stereo_lidar_fusion": 30}
WARM_UP_S = 2.0  # of frames that do not count: the number of threads follows the load every half second
ROUNDS = 3  # with and without in turn, so that both see the same machine
BUSY = "while True: pass"


def run() -> list[Row]:
    """Rows of both pipelines."""
    return [row for task in IMAGES for row in compare(task, {"with the cure": {}, "without": WITHOUT})]


def compare(task: str, variants: Mapping[str, Mapping[str, str]]) -> list[Row]:
    """Quiet and busy times of a pipeline in environments; the first one is judged, the last one is its reference."""
    quiet = {name: [times(task, env) for _ in range(ROUNDS)] for name, env in variants.items()}
    with busy_process():
        busy = {name: times(task, env) for name, env in variants.items()}
    reference = float(np.median(quiet[list(variants)[-1]]))
    rows = []
    for name in variants:
        here, last = np.array(quiet[name]), np.percentile(quiet[name], 95)
        centre = float(np.median(here))
        rows += [
            Row(f"{task}, quiet, {name}", centre, centre / reference, "the quiet median without", AS_LONG),
            Row(f"{task}, quiet, {name}, 95 %", float(last)),
            Row(f"{task}, busy, {name}", float(np.median(busy[name]))),
            percentile_row(f"{task}, busy, {name}, 95 %", busy[name], float(last)),
        ]
    return rows


def percentile_row(name: str, measured: list[float], quiet: float) -> Row:
    """The 95th percentile, and how many times as long as the quiet one it is."""
    here = float(np.percentile(measured, 95))
    return Row(name, here, here / quiet, "its quiet 95 %", AS_LONG)


def times(task: str, environment: Mapping[str, str]) -> list[float]:
    """Milliseconds of each image, in a process of its own."""
    env = {name: value for name, value in os.environ.items() if name not in WITHOUT}
    command = [sys.executable, "-m", "bench.busy", "--measure", task]
    result = subprocess.run(command, env={**env, **environment}, check=True, capture_output=True, text=True)
    found: list[float] = json.loads(result.stdout.splitlines()[-1])
    return found


@contextmanager
def busy_process() -> Iterator[None]:
    """A process that takes all of a core, in a session of its own as another program has."""
    other = subprocess.Popen([sys.executable, "-c", BUSY], start_new_session=True)
    try:
        yield
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()


def measure(task: str) -> list[float]:
    """Milliseconds of each image after the warm-up, one after the other on a node's worker."""
    from geo_perception.ros.runtime.worker import NewestWorker

    ask, spent, done = prepared(task), [], Event()
    worker: Any = None
    begun = time.perf_counter()

    def work(index: int) -> None:
        start = time.perf_counter()
        ask()
        end = time.perf_counter()
        if end - begun > WARM_UP_S:
            spent.append((end - start) * 1e3)
        if len(spent) < IMAGES[task]:
            worker.offer(index + 1)
        else:
            done.set()

    worker = NewestWorker(work)
    worker.offer(0)
    done.wait()
    worker.stop()
    return spent


def prepared(task: str) -> Callable[[], object]:
    """A call that takes one image through the shipped pipeline."""
    rng = np.random.default_rng(0)
    if task == "indoor_depth":
        from bench.indoor_graph import CAMERA
        from geo_perception.pipelines.indoor_depth.pipeline import IndoorDepth, IndoorDepthConfig

        image = rng.integers(0, 240, (12, 16, 3), np.uint8).repeat(40, axis=0).repeat(40, axis=1)
        indoor, image = IndoorDepth(IndoorDepthConfig()), np.ascontiguousarray(image)
        return lambda: indoor(image, CAMERA)
    from bench.node import CAMERA_FROM_LIDAR, RIG, sweep
    from geo_perception.pipelines.stereo_lidar_fusion.pipeline import (
        StereoLidarFusion,
        StereoLidarFusionConfig,
    )

    wide = rng.integers(0, 240, (75, 260, 3), np.uint8).repeat(5, axis=0).repeat(5, axis=1)
    left, right = (np.ascontiguousarray(wide[:, shift : shift + 1242]) for shift in (20, 40))
    fusion, points = StereoLidarFusion(StereoLidarFusionConfig()), sweep(rng)
    return lambda: fusion(left, right, points, RIG, CAMERA_FROM_LIDAR)


def main(args: list[str]) -> None:
    """One measurement for `times`, or a table of the environments given."""
    if args[:1] == ["--measure"]:
        print(json.dumps(measure(args[1])), flush=True)
        os._exit(0)  # without waiting for PyTorch to take itself down
    given = {arg: dict(pair.split("=", 1) for pair in arg.split(",")) for arg in args}
    for task in IMAGES:
        print(format_table(compare(task, {"with the cure": {}, **given, "without": WITHOUT})), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
