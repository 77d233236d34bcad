# SPDX-License-Identifier: Apache-2.0
"""The bag a demo plays: given, converted from a KITTI folder, or simulated once and kept."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from geo_perception.errors import DataError
from geo_perception.frames import StereoLidarFrame
from geo_perception.ros.bags import bag_info, write_bag
from geo_perception.ros.demo.stages import Stage, stage_of

BAG_SUFFIXES = (".mcap", ".db3")
MAX_LEFT_OUT = 200  # frames of another calibration that are read before giving up on more

logger = logging.getLogger(__name__)


def input_bag(
    data: Path | None, folder: Path, frames: int, seed: int, scale: float, graph: str = "kitti_fusion"
) -> Path:
    """The bag to play.

    Args:
        data: a bag, a KITTI folder, or None for the simulated world of the graph.
        folder: where bags that are made here are kept.
        frames: of a KITTI folder at most, of a simulated world exactly.
        seed, scale: of a simulated world.
        graph: that will see it.

    Raises:
        DataError: the data is missing, damaged or of no known kind, or a bag lacks a topic.
    """
    if data is None:
        return _simulated(stage_of(graph), folder, frames, seed, scale)
    if not data.exists():
        raise DataError(
            f"{data} does not exist; give a KITTI folder or a bag, or nothing for a simulated world"
        )
    if data.suffix in BAG_SUFFIXES or (data / "metadata.yaml").is_file():
        missing = bag_info(data).missing
        if missing:
            raise DataError(f"bag {data} lacks {', '.join(missing)}")
        return data
    return _converted(data, folder, frames)


def _converted(data: Path, folder: Path, frames: int) -> Path:
    from geo_perception.datasets import open_dataset

    dataset = open_dataset(data)
    total = min(frames, len(dataset))
    path = folder / f"{dataset.root.resolve().name}-{total}"
    write_bag(path, one_calibration(dataset, total), overwrite=True, progress=True, total=total)
    return path


def one_calibration(dataset: Sequence[StereoLidarFrame], count: int) -> Iterator[StereoLidarFrame]:
    """Up to `count` frames with the calibration of the first one.

    KITTI's object folder mixes drives of several days, and a graph is given one pose of the lidar at its start.
    """
    first, found, left_out = dataset[0], 0, 0
    for frame in dataset:
        if np.allclose(frame.camera_from_lidar, first.camera_from_lidar) and frame.rig == first.rig:
            found += 1
            yield frame
        else:
            left_out += 1
        if found == count or left_out > MAX_LEFT_OUT:
            break
    if left_out:
        logger.warning("%d frames of another calibration than frame %s left out", left_out, first.name)


def _simulated(stage: Stage, folder: Path, frames: int, seed: int, scale: float) -> Path:
    """The stage's world of this seed, kept for the next demo."""
    width, height = (round(side * scale) for side in stage.size)
    path = folder / f"{stage.world}-{_simulator_version()}-seed{seed}-{frames}x{width}x{height}"
    if not path.exists():
        write_bag(path, stage.simulate(seed, frames, width, height), progress=True, total=frames)
    return path


def _simulator_version() -> str:
    """Changes whenever the simulator's code does, so that a kept drive is never one it would not make now."""
    from geo_perception import simulation

    digest = hashlib.sha256()
    for file in sorted(Path(simulation.__path__[0]).rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:8]
