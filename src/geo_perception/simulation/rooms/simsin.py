# SPDX-License-Identifier: Apache-2.0
"""Writer of environments in the folder format of SimSIN, so that one loader reads simulated and real sets.

FOLDER/room_00007/012_0.png, 012_1.png          left and right image
                  012_0_depth.npy, 012_1_...    (H, W) float32 metres
                  environment.json              seed, settings, camera, and per file pose and labels
FOLDER/stereo.txt     every image: `room_00007/012_0 12 l`
FOLDER/temporal.txt   only images whose neighbours 011 and 013 are the moments before and after
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from geo_perception.datasets.rgbd.records import RECORD
from geo_perception.datasets.rgbd.set_folder import (
    ROOMS,
    check_set_folder,
    read_record,
    record_files,
    write_set_lists,
)
from geo_perception.errors import ConfigError, DataError
from geo_perception.outputs import check_folder, writing
from geo_perception.scratch import remove_abandoned, scratch_place
from geo_perception.simulation.rooms.config import RoomConfig
from geo_perception.simulation.rooms.simulator import RoomFrame, RoomSimulator
from geo_perception.workers import end_with_parent

SIDES = ((0, "l"), (1, "r"))
MOMENTS = 3  # files per view with trajectories: t-1, t, t+1
MOST_FILES = 1000  # names have three digits
PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # else OpenCV is older and knows one filter only
    # One instead of a choice for every row: 2% more bytes, written and read a third faster.
    PNG += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]


@dataclass(frozen=True)
class Job:
    """One environment to write."""

    folder: Path
    seed: int
    views: int
    trajectories: bool
    config: RoomConfig

    @property
    def path(self) -> Path:
        """The environment's own folder."""
        return self.folder / f"room_{self.seed:05d}"

    def settings(self) -> dict[str, Any]:
        """Return the settings that determine the content; a folder with the same settings is finished."""
        settings = {
            "seed": self.seed, "views": self.views, "trajectories": self.trajectories, "config": asdict(self.config),
        }  # fmt: skip
        return dict(json.loads(json.dumps(settings)))


def write_simsin(
    folder: Path,
    seeds: Sequence[int],
    views: int,
    config: RoomConfig = RoomConfig(),  # noqa: B008  (frozen: sharing it does no harm)
    *,
    trajectories: bool = True,
    workers: int = 1,
) -> Iterator[Path]:
    """Write one environment per seed with `views` views each, and yield each folder when it is finished.

    Environments already finished with the same settings are kept, so that an interrupted run resumes. The lists
    are written when all are there. With `trajectories` each view takes three files: t-1, t, t+1.

    Raises:
        ConfigError: no seeds, a repeated one, or more files than three digits name.
        DataError: a folder holds the same environment with other settings, or something else than simulated rooms.
        OutputError: the disk refuses.
    """
    files = views * (MOMENTS if trajectories else 1)
    if not 1 <= files <= MOST_FILES or not seeds or len(set(seeds)) != len(seeds):
        raise ConfigError(
            f"an environment holds 1 to {MOST_FILES} files and seeds must differ, got {files} files, seeds {seeds!r}"
        )
    check_set_folder(folder, ROOMS)
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    jobs = [Job(folder, seed, views, trajectories, config) for seed in seeds]
    for job in jobs:
        _check_settings(job)
    if workers <= 1:
        yield from map(write_environment, jobs)
    else:
        # Spawned, because a fork would copy the ray caster's threads in whatever state they are.
        with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start_worker) as pool:
            try:
                for done in as_completed([pool.submit(write_environment, job) for job in jobs]):
                    yield done.result()
            except BaseException:  # pending environments are no longer needed
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    write_lists(folder)


def _start_worker() -> None:
    """Limit a worker to one thread: workers share the processor by environments."""
    end_with_parent()
    cv2.setNumThreads(1)


def write_environment(job: Job) -> Path:
    """Write one environment into a temporary folder, then give it its name."""
    if (job.path / RECORD).is_file():
        return job.path
    with writing(job.path), scratch_place(job.path) as part:
        part.mkdir()
        simulator = RoomSimulator(job.seed, job.config)
        labels = [_write(part, number, frame) for number, frame in enumerate(_frames(simulator, job))]
        record = {**job.settings(), "camera": simulator.camera.pixels, "files": labels}
        (part / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        part.rename(job.path)
    return job.path


def _frames(simulator: RoomSimulator, job: Job) -> Iterator[RoomFrame]:
    for index in range(job.views):
        yield from simulator.trajectory(index) if job.trajectories else (simulator.frame(index),)


def _write(folder: Path, number: int, frame: RoomFrame) -> dict[str, Any]:
    """Write both eyes' files and return the record that describes them."""
    for (side, _), image, depth in zip(
        SIDES, (frame.left, frame.right), (frame.depth_m, frame.depth_right_m), strict=True
    ):
        done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), PNG)
        assert done
        (folder / f"{number:03d}_{side}.png").write_bytes(data.tobytes())
        np.save(folder / f"{number:03d}_{side}_depth.npy", np.nan_to_num(depth, nan=0.0))
    return {
        "space_type": frame.space_type,
        "range_label": frame.range_label,
        "camera_from_world": frame.camera_from_world.tolist(),
    }


def _check_settings(job: Job) -> None:
    record = job.path / RECORD
    if not record.is_file():
        return
    found = read_record(record)
    other = [name for name, value in job.settings().items() if found.get(name) != value]
    if other:
        raise DataError(
            f"{job.path} was written with other {', '.join(other)}; use another folder or remove it"
        )


def write_lists(folder: Path) -> None:
    """Write stereo.txt and temporal.txt of all finished environments in `folder`."""
    stereo, temporal = [], []
    for record in record_files(folder):
        found = read_record(record)
        for number in range(len(found["files"])):
            lines = [f"{record.parent.name}/{number:03d}_{side} {number} {letter}" for side, letter in SIDES]
            stereo += lines
            if found["trajectories"] and number % MOMENTS == 1:
                temporal += lines
    write_set_lists(folder, stereo, temporal)
