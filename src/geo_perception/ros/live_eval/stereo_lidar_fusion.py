# SPDX-License-Identifier: Apache-2.0
"""Live evaluation of stereo and lidar fusion on a street: simulated, from KITTI, or from a bag."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.errors import ConfigError
from geo_perception.evaluation.stereo_lidar_fusion import Estimate, Evaluation, FusionReport
from geo_perception.evaluation.stereo_lidar_fusion.estimate import FUSED
from geo_perception.evaluation.stereo_lidar_fusion.tables import first_table, lidar_remarks, lidar_table
from geo_perception.evaluation.table import Table
from geo_perception.evaluation.tree import Tree
from geo_perception.frames import StereoLidarFrame
from geo_perception.pipelines import StereoLidarFusion, StereoLidarFusionConfig
from geo_perception.progress import say
from geo_perception.ros.bags import MatchWindows, is_bag, read_bag, write_bag
from geo_perception.ros.conversions.extrinsics import matrix_from_text
from geo_perception.ros.live_eval.task import BagSource, Received, Request, chosen

MAX_LEFT_OUT = 200  # frames of another calibration that are read before giving up on more

logger = logging.getLogger(__name__)


class FusionTask:
    """`LiveEvalTask` of stereo and lidar fusion."""

    world = "simulated"
    size = (1242, 375)

    def simulate(self, path: Path, seed: int, frames: int, width: int, height: int) -> None:
        """Write a simulated street as a bag."""
        from geo_perception.simulation.drive import DriveConfig, DriveSimulator

        say(f"simulating a street, kept for the next demo in {path}")
        drive = DriveSimulator(seed, DriveConfig(width=width, height=height)).frames(frames)
        write_bag(path, drive, progress=True, total=frames)

    def simulated(self, path: Path) -> BagSource:
        return BagSource(path, title="a simulated street")

    def given(self, request: Request) -> BagSource:
        """Take a bag as it is, or convert a KITTI folder."""
        if request.lens is not None:
            raise ConfigError("kitti_fusion takes its cameras from the data: leave out --camera and --hfov")
        if request.depth_unit:
            raise ConfigError("kitti_fusion reads depth as KITTI has it: leave out --depth-unit")
        if is_bag(request.path):
            windows = MatchWindows.named(request.arguments)
            pose = matrix_from_text(request.arguments.get("camera_from_lidar", ""))
            return BagSource(request.path, windows=windows, pose=pose)
        return BagSource(_converted(request))

    def frames(self, source: BagSource) -> Iterator[StereoLidarFrame]:
        return same_extrinsics(_read(source))

    def arguments(self, source: BagSource, given: Mapping[str, str]) -> dict[str, str]:
        """Add the lidar's pose and, where there is no lidar, the option to run without it."""
        first = next(_read(source))
        pose = " ".join(f"{value!r}" for value in first.camera_from_lidar.reshape(-1).tolist())
        own = {"camera_from_lidar": pose}
        if not len(first.points_lidar):
            say("no lidar in the data: stereo alone (on_missing:=degrade)")
            own["on_missing"] = "degrade"
        return {**own, **given}

    def scorer(self, source: BagSource, parameters: Mapping[str, Any], title: str) -> FusionScorer:
        return FusionScorer(chosen(StereoLidarFusionConfig, parameters), title)


class FusionScorer:
    """`Scorer` of fused depth. A graph publishes only the final depth; the report also shows what it was made from."""

    def __init__(self, config: StereoLidarFusionConfig, title: str) -> None:
        self._pipeline, self._evaluation = StereoLidarFusion(config), Evaluation()
        self.config, self.report = config, FusionReport(title)
        self.time, self.metrics = self._evaluation.time, self._evaluation.metrics

    def add(self, frame: StereoLidarFrame, received: Received) -> Array:
        direct = Estimate.from_fused(
            self._pipeline(frame.left, frame.right, frame.points_lidar, frame.rig, frame.camera_from_lidar)
        )
        depths_m = {**direct.depths_m, FUSED: received.depth_m}
        # Stage times of this process are not the node's. Its uncertainty is not received, which would cost it time.
        estimate = replace(direct, depths_m=depths_m, confidence=received.confidence, stages_ms={})
        self.report.add(frame, estimate, self._evaluation.add(frame, estimate))
        return direct.depths_m[FUSED]

    def tables(self, metrics: Tree) -> Sequence[Table]:
        return [table for table in (first_table(metrics), lidar_table(metrics)) if table.rows]

    def remarks(self, metrics: Tree) -> Sequence[str]:
        return lidar_remarks(metrics)


def _read(source: BagSource) -> Iterator[StereoLidarFrame]:
    return read_bag(source.bag, source.topics, windows=source.windows, camera_from_lidar=source.pose)


def _converted(request: Request) -> Path:
    from geo_perception.datasets import open_dataset

    dataset = open_dataset(request.path)
    total = min(request.frames, len(dataset))
    path = request.folder / f"{dataset.root.resolve().name}-{total}"
    write_bag(path, one_calibration(dataset, total), overwrite=True, progress=True, total=total)
    return path


def one_calibration(dataset: Sequence[StereoLidarFrame], count: int) -> Iterator[StereoLidarFrame]:
    """Yield up to `count` frames with the calibration of the first one.

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


def same_extrinsics(frames: Iterator[StereoLidarFrame]) -> Iterator[StereoLidarFrame]:
    """Yield the frames, with a warning for each whose extrinsics differ from those of the first."""
    first: NDArray[np.float64] | None = None
    for frame in frames:
        first = frame.camera_from_lidar if first is None else first
        if not np.allclose(first, frame.camera_from_lidar):
            logger.warning("frame %s: the lidar's pose differs from the one the node was given", frame.name)
        yield frame
