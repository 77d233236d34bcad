# SPDX-License-Identifier: Apache-2.0
"""Accuracy, age and drops out of what a graph published, and the report."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from geo_perception.errors import DataError
from geo_perception.evaluation import Estimate, Evaluation, Report
from geo_perception.evaluation.estimate import FUSED
from geo_perception.evaluation.tables import brief_tables, number
from geo_perception.frames import StereoLidarFrame
from geo_perception.ros.bags import read_bag
from geo_perception.ros.demo.listener import DEPTH, Listener
from geo_perception.ros.demo.stages import Offline, node_parameters, stage_of
from geo_perception.ros.replay import Sent

Array = NDArray[np.float32]
MILLISECOND_NS = 1e6
PERCENTILES = (50, 95, 99)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A graph's run over a bag."""

    bag: Path
    graph: str
    arguments: Mapping[str, str]  # of the graph
    every: Sequence[Sent]  # in lockstep
    timed: Sequence[Sent]  # in real time


def judge(run: Run, listener: Listener, folder: Path) -> Path:
    """Score the received depth against the bag's truth, write the report, print both; returns its path.

    Raises:
        DataError: nothing was received.
    """
    received_ns = listener.heard[DEPTH].received_ns
    if not received_ns:
        raise DataError(f"no depth image arrived for {len(run.every)} frames; see {folder}/*.log")
    offline = stage_of(run.graph).offline(node_parameters(run.graph, run.arguments))
    evaluation, report = Evaluation(), Report(f"{run.graph} on {run.bag.name}, live")
    frames = Frames(run, listener, offline)
    for frame, estimate in tqdm(frames, desc="judging", unit="frame", disable=None):
        report.add(frame, estimate, evaluation.add(frame, estimate))
    for position, one in enumerate(run.timed):
        evaluation.time(f"{position}", one.stamp_ns, received_ns.get(one.stamp_ns))
    metrics = evaluation.metrics()
    metrics["timings"]["output_age_ms"] = output_age_ms(run.timed, received_ns)
    described = {
        "graph": run.graph,
        "arguments": dict(run.arguments),
        "data": str(run.bag),
        "pipeline": asdict(offline.config),
        "diagnostics at the end": listener.diagnostics,
    }
    path = report.write(folder, metrics, described)
    print("\n\n".join(table.as_text() for table in brief_tables(metrics)))
    print("\n" + "\n".join(summary(metrics, frames, listener)))
    return path


def output_age_ms(sent: Sequence[Sent], received_ns: Mapping[int, int]) -> dict[str, float | None]:
    """Percentiles of arrival minus stamp, over all answers; None if there was none."""
    ages = [
        (received_ns[one.stamp_ns] - one.stamp_ns) / MILLISECOND_NS
        for one in sent
        if one.stamp_ns in received_ns
    ]
    return {f"p{p}": float(np.percentile(ages, p)) if ages else None for p in PERCENTILES}


class Frames:
    """Frames of the bag whose answer was received, with that answer, and beside it the offline pipeline's inputs.

    A graph publishes only the final depth; the report also shows what it was made from, which the same pipeline gives
    again here.
    """

    def __init__(self, run: Run, listener: Listener, offline: Offline) -> None:
        self._bag, self._listener, self._offline = run.bag, listener, offline
        self._stamps = {one.bag_stamp_ns: one.stamp_ns for one in run.every}
        self.answered = 0
        self.largest_difference_m = 0.0  # received depth against the pipeline called directly

    def __len__(self) -> int:
        return len(self._stamps)

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
        stamp_ns = self._stamps.get(frame.stamp_ns)
        depth_m = None if stamp_ns is None else self._listener.depth(stamp_ns)
        if stamp_ns is None or depth_m is None:
            return None
        return self._received(frame, depth_m, self._listener.confidence(stamp_ns))

    def _received(self, frame: StereoLidarFrame, depth_m: Array, confidence: Array | None) -> Estimate:
        direct = self._offline(frame)
        difference_m = np.abs(direct.depths_m[FUSED] - depth_m)
        if np.isfinite(difference_m).any():
            self.largest_difference_m = max(self.largest_difference_m, float(np.nanmax(difference_m)))
        return Estimate({**direct.depths_m, FUSED: depth_m}, confidence)


def summary(metrics: Mapping[str, Any], frames: Frames, listener: Listener) -> list[str]:
    """The lines a user is after."""
    timings = metrics["timings"]
    ages = ", ".join(f"{name} {number(value)}" for name, value in timings["output_age_ms"].items())
    return [
        f"accuracy     of {frames.answered} of {len(frames)} frames as received in lockstep",
        f"             (largest difference to the pipeline called directly: {frames.largest_difference_m:.2g} m)",
        f"output age   {ages} ms",
        f"output rate  {number(timings['MEAN_FRAME_RATE'])} frames/s, clouds of {listener.cloud_points()} points",
        f"dropped      {timings['NUM_MISSED_FRAMES']} of {timings['NUM_FRAMES_SENT']} frames"
        + drop_reasons(listener.diagnostics),
    ]


def drop_reasons(diagnostics: Mapping[str, Mapping[str, str]]) -> str:
    """What the node says of the frames and messages it left out, in brackets; empty if it left out none."""
    counts = [
        f"{key} {value}"
        for values in diagnostics.values()
        for key, value in values.items()
        if key.startswith(("skipped sets: ", "dropped messages: ")) and value != "0"
    ]
    return f" ({', '.join(counts)})" if counts else ""
