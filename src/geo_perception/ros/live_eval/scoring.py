# SPDX-License-Identifier: Apache-2.0
"""Scoring of a graph's outputs: accuracy, age, drops, and the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geo_perception.errors import DataError
from geo_perception.evaluation.table import as_text
from geo_perception.progress import track
from geo_perception.ros.graphs import find_graph
from geo_perception.ros.live_eval.recorder import DEPTH, Recorder
from geo_perception.ros.live_eval.summary import GraphAgreement, Played, as_lines, output_age_ms, summarise
from geo_perception.ros.live_eval.task import BagSource, LiveEvalTask, Received
from geo_perception.ros.live_eval.tasks import node_parameters, task_of
from geo_perception.ros.replay import Sent


@dataclass(frozen=True)
class Run:
    """A graph's run over a bag."""

    source: BagSource
    graph: str
    arguments: Mapping[str, str]  # of the graph
    every: Sequence[Sent]  # in lockstep
    timed: Sequence[Sent]  # in real time


def scorer(run: Run, recorder: Recorder, folder: Path) -> Path:
    """Score the received depth against the bag's truth, write the report, print both; return the report's path.

    Raises:
        DataError: nothing was received.
    """
    received_ns = recorder.heard[DEPTH].received_ns
    if not received_ns:
        raise DataError(f"no depth image arrived for {len(run.every)} frames; see {folder}/*.log")
    task, agreement = task_of(run.graph), GraphAgreement()
    (node,) = find_graph(run.graph).nodes
    title = f"Depth from the ROS node {node.executable}: {run.source.name}"
    scorer = task.scorer(run.source, node_parameters(run.graph, run.arguments), title)
    answers = answered(run, task, recorder)
    for frame, received in track(answers, "measuring", len(run.every)):
        agreement.add(received, scorer.add(frame, received))
    for position, one in enumerate(run.timed):
        scorer.time(f"{position}", one.stamp_ns, received_ns.get(one.stamp_ns))
    metrics = scorer.metrics()
    metrics["timings"]["output_age_ms"] = output_age_ms(run.timed, received_ns)
    described = {
        "graph": run.graph,
        "arguments": dict(run.arguments),
        "data": str(run.source.bag),
        "pipeline": asdict(scorer.config),
        "diagnostics at the end": recorder.diagnostics,
    }
    played = Played(run.graph, len(run.every), run.timed, recorder.cloud_points(), recorder.diagnostics)
    sentences = summarise(metrics, agreement, played)
    remarks = [f"warning: {text}" for text in scorer.remarks(metrics)]
    lines = [*remarks, *(f"{label}: {text}" for label, text in sentences.items())]
    path = scorer.report.write(folder, metrics, described, lines)
    print(as_text(scorer.tables(metrics)))
    print("\n" + "\n".join([*remarks, *as_lines(sentences)]))
    return path


def answered(run: Run, task: LiveEvalTask, recorder: Recorder) -> Iterator[tuple[Any, Received]]:
    """Yield the frames of the bag whose result was received, with that result."""
    stamps = {one.bag_stamp_ns: one.stamp_ns for one in run.every}
    for frame in task.frames(run.source):
        stamp_ns = stamps.get(frame.stamp_ns)
        depth_m = None if stamp_ns is None else recorder.depth(stamp_ns)
        if stamp_ns is not None and depth_m is not None:
            yield frame, Received(depth_m, recorder.confidence(stamp_ns), stamp_ns)
