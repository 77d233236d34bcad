# SPDX-License-Identifier: Apache-2.0
"""Accuracy, age and drops out of what a graph published, and the report."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from geo_perception.errors import DataError
from geo_perception.evaluation import Estimate, Evaluation, Report
from geo_perception.evaluation.estimate import FUSED
from geo_perception.evaluation.tables import brief_tables
from geo_perception.frames import StereoLidarFrame
from geo_perception.pipelines import StereoLidarFusion, StereoLidarFusionConfig
from geo_perception.ros.bags import read_bag
from geo_perception.ros.demo.listener import CLOUD, DEPTH, Listener
from geo_perception.ros.replay import Sent

if TYPE_CHECKING:
    from geo_perception.ros.demo.run import DemoConfig

Array = NDArray[np.float32]
MILLISECOND_NS = 1e6
PERCENTILES = (50, 95, 99)

logger = logging.getLogger(__name__)


def judge(bag: Path, sent: Sequence[Sent], listener: Listener, folder: Path, config: DemoConfig) -> Path:
    """Score the received depth against the bag's truth, write the report, print both; returns its path.

    Raises:
        DataError: nothing was received.
    """
    received_ns = listener.heard[DEPTH].received_ns
    if not received_ns:
        raise DataError(f"no depth image arrived for {len(sent)} frames; see {folder}/*.log")
    fusion = StereoLidarFusion(pipeline_config(config.parameters))
    evaluation, report = Evaluation(), Report(f"{config.graph} on {bag.name}, live")
    frames = Frames(bag, sent, listener, fusion)
    for frame, estimate in tqdm(frames, desc="judging", unit="frame", disable=None):
        report.add(frame, estimate, evaluation.add(frame, estimate))
    for number, one in enumerate(sent):
        evaluation.time(f"{number}", one.stamp_ns, received_ns.get(one.stamp_ns))
    metrics = evaluation.metrics()
    metrics["timings"]["output_age_ms"] = output_age_ms(sent, received_ns)
    described = {
        "graph": config.graph,
        "data": str(bag),
        "pipeline": asdict(fusion.config),
        "diagnostics at the end": listener.diagnostics,
    }
    path = report.write(folder, metrics, described)
    print("\n\n".join(table.as_text() for table in brief_tables(metrics)))
    print("\n" + "\n".join(summary(metrics, frames, listener)))
    return path


def pipeline_config(parameters: Mapping[str, str]) -> StereoLidarFusionConfig:
    """The part of the node's parameters that chooses backends."""
    names = StereoLidarFusionConfig.__dataclass_fields__
    given: dict[str, Any] = {name: value for name, value in parameters.items() if name in names}
    return StereoLidarFusionConfig(**given)


def output_age_ms(sent: Sequence[Sent], received_ns: Mapping[int, int]) -> dict[str, float]:
    """Percentiles of arrival minus stamp, over all answers."""
    ages = [
        (received_ns[one.stamp_ns] - one.stamp_ns) / MILLISECOND_NS
        for one in sent
        if one.stamp_ns in received_ns
    ]
    return {f"p{p}": float(np.percentile(ages, p)) for p in PERCENTILES}


class Frames:
    """Frames of the bag whose answer was received, with that answer, and beside it the offline pipeline's inputs.

    The graph publishes only the fused depth; the report also shows what it was fused from, which the same pipeline
    gives again here.
    """

    def __init__(
        self, bag: Path, sent: Sequence[Sent], listener: Listener, fusion: StereoLidarFusion
    ) -> None:
        self._bag, self._listener, self._fusion = bag, listener, fusion
        self._stamps: dict[int, list[int]] = {}
        for one in sent:
            self._stamps.setdefault(one.bag_stamp_ns, []).append(one.stamp_ns)
        self.total, self.answered = len(self._stamps), 0
        self.largest_difference_m = 0.0  # received depth against the pipeline called directly

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Any:
        before: NDArray[np.float64] | None = None
        for frame in read_bag(self._bag):
            if before is not None and not np.allclose(before, frame.camera_from_lidar):
                logger.warning(
                    "frame %s: the lidar's pose differs from the one the node was given", frame.name
                )
            before = frame.camera_from_lidar if before is None else before
            estimate = self._estimate(frame)
            if estimate is not None:
                self.answered += 1
                yield frame, estimate

    def _estimate(self, frame: StereoLidarFrame) -> Estimate | None:
        for stamp_ns in self._stamps.get(frame.stamp_ns, []):
            depth_m = self._listener.depth(stamp_ns)
            if depth_m is not None:
                return self._received(frame, depth_m, self._listener.confidence(stamp_ns))
        return None

    def _received(self, frame: StereoLidarFrame, depth_m: Array, confidence: Array | None) -> Estimate:
        direct = self._fusion(frame.left, frame.right, frame.points_lidar, frame.rig, frame.camera_from_lidar)
        difference_m = np.abs(direct.depth_m - depth_m)
        if np.isfinite(difference_m).any():
            self.largest_difference_m = max(self.largest_difference_m, float(np.nanmax(difference_m)))
        estimate = Estimate.from_fused(direct)
        return Estimate({**estimate.depths_m, FUSED: depth_m}, confidence)


def summary(metrics: Mapping[str, Any], frames: Frames, listener: Listener) -> list[str]:
    """The lines a user is after."""
    timings = metrics["timings"]
    ages = ", ".join(f"{name} {value:.0f}" for name, value in timings["output_age_ms"].items())
    rate = timings["MEAN_FRAME_RATE"]
    clouds = len(listener.heard[CLOUD].received_ns)
    return [
        f"accuracy     from {frames.answered} of {frames.total} frames, as received",
        f"             (largest difference to the pipeline called directly: {frames.largest_difference_m:.2g} m)",
        f"output age   {ages} ms",
        f"output rate  {'-' if rate is None else f'{rate:.2f}'} frames/s, {clouds} clouds of "
        f"{listener.cloud_points()} points",
        f"dropped      {timings['NUM_MISSED_FRAMES']} of {timings['NUM_FRAMES_SENT']} frames",
    ]
