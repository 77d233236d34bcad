# SPDX-License-Identifier: Apache-2.0
"""Evaluation of a pipeline over frames in their order, with nothing dropped and every result scored.

Everything but the timings is a function of the frames and the pipeline, so two runs give the same metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from geo_perception.errors import ConfigError
from geo_perception.evaluation.speed import speed_metrics, stage_times
from geo_perception.evaluation.stereo_lidar_fusion.estimate import (
    FUSED,
    LIDAR,
    STEREO,
    VISIBLE_RETURNS,
    Estimate,
    Fused,
)
from geo_perception.evaluation.stereo_lidar_fusion.protocol import (
    ORACLE,
    RAW_RETURNS,
    FrameScores,
    FusionProtocol,
    score_frame,
)
from geo_perception.evaluation.stereo_lidar_fusion.summary import summarise
from geo_perception.evaluation.tree import Tree, finite
from geo_perception.frames import StereoLidarFrame

Pipeline = Callable[[StereoLidarFrame], Fused]  # a frame to its fused depth
Observer = Callable[[StereoLidarFrame, Estimate, FrameScores], None]

RESERVED = (FUSED, STEREO, LIDAR, VISIBLE_RETURNS, ORACLE, RAW_RETURNS)


@dataclass
class Evaluation:
    """Scores gathered frame by frame; also used with results received from a running graph."""

    protocol: FusionProtocol = field(default_factory=FusionProtocol)
    scores: list[FrameScores] = field(default_factory=list)
    sent_ns: dict[str, int] = field(default_factory=dict)
    received_ns: dict[str, int] = field(default_factory=dict)

    def add(self, frame: StereoLidarFrame, estimate: Estimate) -> FrameScores:
        """Score one result."""
        score = score_frame(frame, estimate, self.protocol)
        self.scores.append(score)
        return score

    def time(self, name: str, sent_ns: int, received_ns: int | None) -> None:
        """Record when a frame was sent and its result received; None = never."""
        self.sent_ns[name] = sent_ns
        if received_ns is not None:
            self.received_ns[name] = received_ns

    def metrics(self) -> Tree:
        """Return the content of metrics.json; all that differs between two runs is under `timings`."""
        timings = {
            **speed_metrics(self.sent_ns, self.received_ns),
            "stages": stage_times([score.stages_ms for score in self.scores]),
        }
        tree: Tree = finite({**summarise(self.scores, self.protocol), "timings": timings})
        return tree


def evaluate(
    pipeline: Pipeline,
    frames: Iterable[StereoLidarFrame],
    protocol: FusionProtocol | None = None,
    compare: Mapping[str, Pipeline] | None = None,
    observer: Observer | None = None,
) -> Evaluation:
    """Score a pipeline, and beside it others whose fused depth becomes further rows.

    Args:
        pipeline: maps a frame to its result; its stereo and lidar depth are scored, too.
        frames: in the order in which they are to be run.
        protocol: the measurement's constants.
        compare: row name -> pipeline.
        observer: gets each frame with its result and scores (progress, panels); its time is not counted.

    Raises:
        ConfigError: a row of `compare` has a name that is taken.
    """
    compare = compare or {}
    taken = sorted(set(compare) & set(RESERVED))
    if taken:
        raise ConfigError(f"comparison rows may not be named {', '.join(taken)}")
    evaluation = Evaluation(protocol or FusionProtocol())
    clock_ns = 0  # runs only while the pipeline does, so that scoring and panels do not count
    for index, frame in enumerate(frames):
        started = time.perf_counter_ns()
        fused = pipeline(frame)
        elapsed_ns = time.perf_counter_ns() - started
        evaluation.time(f"{index}:{frame.name}", clock_ns, clock_ns + elapsed_ns)
        clock_ns += elapsed_ns
        others = {name: other(frame) for name, other in compare.items()}
        estimate = Estimate.from_fused(fused, elapsed_ns / 1e6, others)
        score = evaluation.add(frame, estimate)
        if observer:
            observer(frame, estimate, score)
    return evaluation


def limited(frames: Iterable[StereoLidarFrame], limit: int | None) -> Iterator[StereoLidarFrame]:
    """Yield the first `limit` frames, or all; never reads one more than needed.

    Raises:
        ConfigError: limit below 1.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit must be at least 1 frame, got {limit}")
    for count, frame in enumerate(frames, start=1):
        yield frame
        if count == limit:
            return
