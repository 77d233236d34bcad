# SPDX-License-Identifier: Apache-2.0
"""Accuracy, age and drops out of what a graph published, and the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geo_perception.errors import DataError
from geo_perception.evaluation.tables import number
from geo_perception.progress import track
from geo_perception.ros.demo.listener import DEPTH, Listener
from geo_perception.ros.demo.stage import Received, Source, Stage
from geo_perception.ros.demo.stages import node_parameters, stage_of
from geo_perception.ros.replay import Sent

MILLISECOND_NS = 1e6
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Run:
    """A graph's run over a bag."""

    source: Source
    graph: str
    arguments: Mapping[str, str]  # of the graph
    every: Sequence[Sent]  # in lockstep
    timed: Sequence[Sent]  # in real time


@dataclass
class Agreement:
    """What was received against the pipeline called directly."""

    answered: int = 0
    largest_difference_m: float = 0.0

    def add(self, received: Received, direct_m: Any) -> None:
        """One more frame."""
        self.answered += 1
        difference_m = np.abs(direct_m - received.depth_m)
        if np.isfinite(difference_m).any():
            self.largest_difference_m = max(self.largest_difference_m, float(np.nanmax(difference_m)))


def judge(run: Run, listener: Listener, folder: Path) -> Path:
    """Score the received depth against the bag's truth, write the report, print both; returns its path.

    Raises:
        DataError: nothing was received.
    """
    received_ns = listener.heard[DEPTH].received_ns
    if not received_ns:
        raise DataError(f"no depth image arrived for {len(run.every)} frames; see {folder}/*.log")
    stage, agreement = stage_of(run.graph), Agreement()
    title = f"{run.graph} on {run.source.bag.name}, live"
    judge = stage.judge(run.source, node_parameters(run.graph, run.arguments), title)
    answers = answered(run, stage, listener)
    for frame, received in track(answers, "judging", len(run.every)):
        agreement.add(received, judge.add(frame, received))
    for position, one in enumerate(run.timed):
        judge.time(f"{position}", one.stamp_ns, received_ns.get(one.stamp_ns))
    metrics = judge.metrics()
    metrics["timings"]["output_age_ms"] = output_age_ms(run.timed, received_ns)
    described = {
        "graph": run.graph,
        "arguments": dict(run.arguments),
        "data": str(run.source.bag),
        "pipeline": asdict(judge.config),
        "diagnostics at the end": listener.diagnostics,
    }
    path = judge.report.write(folder, metrics, described)
    print("\n\n".join(table.as_text() for table in judge.tables(metrics)))
    print("\n" + "\n".join(summary(metrics, agreement, len(run.every), listener)))
    return path


def answered(run: Run, stage: Stage, listener: Listener) -> Iterator[tuple[Any, Received]]:
    """Frames of the bag whose answer was received, with that answer."""
    stamps = {one.bag_stamp_ns: one.stamp_ns for one in run.every}
    for frame in stage.frames(run.source):
        stamp_ns = stamps.get(frame.stamp_ns)
        depth_m = None if stamp_ns is None else listener.depth(stamp_ns)
        if stamp_ns is not None and depth_m is not None:
            yield frame, Received(depth_m, listener.confidence(stamp_ns), stamp_ns)


def output_age_ms(sent: Sequence[Sent], received_ns: Mapping[int, int]) -> dict[str, float | None]:
    """Percentiles of arrival minus stamp, over all answers; None if there was none."""
    ages = [
        (received_ns[one.stamp_ns] - one.stamp_ns) / MILLISECOND_NS
        for one in sent
        if one.stamp_ns in received_ns
    ]
    return {f"p{p}": float(np.percentile(ages, p)) if ages else None for p in PERCENTILES}


def summary(metrics: Mapping[str, Any], agreement: Agreement, frames: int, listener: Listener) -> list[str]:
    """The lines a user is after."""
    timings = metrics["timings"]
    ages = ", ".join(f"{name} {number(value)}" for name, value in timings["output_age_ms"].items())
    received = f"{agreement.answered} of {frames} frames"
    known = metrics["frames_with_truth"]
    return [
        f"accuracy     of {received} as received in lockstep"
        if known
        else f"accuracy     unknown without true depth; {received} received in lockstep",
        f"             (largest difference to the pipeline called directly: {agreement.largest_difference_m:.2g} m)",
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
