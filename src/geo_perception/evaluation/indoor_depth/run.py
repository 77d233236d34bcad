# SPDX-License-Identifier: Apache-2.0
"""Evaluation of indoor depth over RGB-D frames in their order: errors of model, comparisons and baselines."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol

import numpy as np

from geo_perception._types import Array
from geo_perception.errors import ConfigError, InputError
from geo_perception.evaluation.indoor_depth.baselines import (
    CONSTANT,
    MEAN_MAP,
    ROW_RAMP,
    constant,
    mean_map,
    row_ramp,
)
from geo_perception.evaluation.indoor_depth.protocol import (
    NATIVE,
    IndoorProtocol,
    indoor_protocol,
    score_indoor,
)
from geo_perception.evaluation.metrics import (
    EVERYWHERE,
    MEDIAN_SCALED,
    UNSCALED,
    DepthMetrics,
    known,
    mean_metrics,
)
from geo_perception.evaluation.speed import speed_metrics, stage_times
from geo_perception.evaluation.tree import Tree, finite
from geo_perception.frames import RgbdFrame, check_aspect

MODEL = "model"
RESERVED = (MODEL, CONSTANT, ROW_RAMP, MEAN_MAP)
SCALINGS = (UNSCALED, MEDIAN_SCALED)


class PredictedDepth(Protocol):
    """Members of a pipeline's result that are evaluated."""

    @property
    def depth_m(self) -> Array: ...
    @property
    def focal_scale(self) -> float | None: ...
    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def stages_ms(self) -> Mapping[str, float]: ...


Pipeline = Callable[[RgbdFrame], PredictedDepth]


@dataclass(frozen=True)
class DataSetInfo:
    """A data set to evaluate, and what the baselines may know of it."""

    name: str
    kind: str
    registration: str
    typical_m: float  # its median depth


@dataclass(frozen=True)
class IndoorScores:
    """Errors of one frame."""

    name: str
    data_set: str
    rows: Mapping[str, Mapping[str, DepthMetrics]]  # row -> scaling -> errors
    notes: Sequence[str] = ()
    stages_ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def heading(self) -> str:
        """Return the name of the frame with that of its data set."""
        return f"{self.data_set} {self.name}"


Observer = Callable[[RgbdFrame, dict[str, Array], IndoorScores], None]  # depth maps by row


@dataclass
class IndoorEvaluation:
    """Scores gathered frame by frame over one or more data sets."""

    name: str = NATIVE  # of the protocol, a key of INDOOR_PROTOCOLS
    cap_m: float | None = None  # another one than the protocol's
    stored_mean_m: Array | None = None  # per-pixel mean depth of the training set, for the canonical camera
    data_sets: list[DataSetInfo] = field(default_factory=list)
    scores: list[IndoorScores] = field(default_factory=list)
    sent_ns: dict[str, int] = field(default_factory=dict)
    received_ns: dict[str, int] = field(default_factory=dict)
    protocol: IndoorProtocol = field(init=False)
    _clock_ns: int = 0  # runs only while the pipeline does, so that scoring and panels do not count

    def __post_init__(self) -> None:
        if self.cap_m is not None and not (np.isfinite(self.cap_m) and self.cap_m > 0):
            raise ConfigError(f"cap must be positive metres, got {self.cap_m}")
        self.protocol = with_cap(indoor_protocol(self.name), self.cap_m)

    def run(
        self,
        data_set: DataSetInfo,
        frames: Iterable[RgbdFrame],
        pipeline: Pipeline,
        compare: Mapping[str, Pipeline] | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Score the frames of one data set; frames without any truth are run and left unscored.

        Args:
            data_set: the data set of the frames.
            frames: in the order in which they are to be run.
            pipeline: the pipeline to evaluate.
            compare: row name -> further pipeline.
            observer: sees each frame with its depth maps and scores.

        Raises:
            ConfigError: a row of `compare` has a name that is taken.
        """
        compare = compare or {}
        taken = sorted(set(compare) & set(RESERVED))
        if taken:
            raise ConfigError(f"comparison rows may not be named {', '.join(taken)}")
        self.data_sets.append(data_set)
        for frame in frames:
            answer = self._timed(f"{data_set.name}:{frame.name}", pipeline, frame)
            depths_m = {
                MODEL: answer.depth_m,
                **{name: other(frame).depth_m for name, other in compare.items()},
            }
            score = self.add(data_set, frame, depths_m, answer)
            if observer:
                observer(frame, depths_m, score)

    def add(
        self, data_set: DataSetInfo, frame: RgbdFrame, depths_m: Mapping[str, Array], answer: PredictedDepth
    ) -> IndoorScores:
        """Score one result, e.g. that of a running graph.

        Args:
            data_set: the data set of the frame.
            frame: the image and its truth.
            depths_m: (H, W) by row, the model's first.
            answer: the model's result.
        """
        score = self._score(data_set, frame, depths_m, answer)
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
        tree: Tree = finite({**self._summary(), "timings": timings})
        return tree

    def _timed(self, name: str, pipeline: Pipeline, frame: RgbdFrame) -> PredictedDepth:
        started = clock.perf_counter_ns()
        answer = pipeline(frame)
        elapsed_ns = clock.perf_counter_ns() - started
        self.time(name, self._clock_ns, self._clock_ns + elapsed_ns)
        self._clock_ns += elapsed_ns
        return answer

    def _score(
        self, data_set: DataSetInfo, frame: RgbdFrame, depths_m: Mapping[str, Array], answer: PredictedDepth
    ) -> IndoorScores:
        rows: dict[str, Mapping[str, DepthMetrics]] = {}
        truth_m = frame.depth_truth_m
        if truth_m is not None and known(truth_m).any():
            check_aspect(
                frame.camera.size,
                truth_m.shape,
                f"image of {data_set.name}, frame {frame.name},",
                "its truth",
            )
            size = truth_m.shape[0], truth_m.shape[1]
            guesses = self._baselines(size, data_set.typical_m, answer.focal_scale or 1.0)
            judged = {**{row: _checked(depth, frame) for row, depth in depths_m.items()}, **guesses}
            rows = {row: score_indoor(depth, truth_m, self.protocol) for row, depth in judged.items()}
        return IndoorScores(frame.name, data_set.name, rows, tuple(answer.notes), dict(answer.stages_ms))

    def _baselines(self, size: tuple[int, int], typical_m: float, focal_scale: float) -> dict[str, Array]:
        guesses = {CONSTANT: constant(size, typical_m), ROW_RAMP: row_ramp(size, typical_m)}
        if self.stored_mean_m is not None:
            guesses[MEAN_MAP] = mean_map(self.stored_mean_m * np.float32(focal_scale), size)
        return guesses

    def _summary(self) -> Tree:
        described = {}
        for data_set in self.data_sets:
            own = [score for score in self.scores if score.data_set == data_set.name]
            described[data_set.name] = {**asdict(data_set), "frames": len(own), "accuracy": _accuracy(own)}
        return {
            "frames": len(self.scores),
            "frames_with_truth": sum(bool(score.rows) for score in self.scores),
            "protocol": describe_protocol(self.name, self.protocol),
            "data_sets": described,
            "accuracy": _accuracy(self.scores),
            "per_frame": [_frame(score) for score in self.scores],
        }


def with_cap(protocol: IndoorProtocol, cap_m: float | None) -> IndoorProtocol:
    """Return the protocol with another cap on truth; None keeps its own."""
    return protocol if cap_m is None else replace(protocol, max_truth_m=cap_m)


def describe_protocol(name: str, protocol: IndoorProtocol) -> Tree:
    """Describe a protocol's constants and conventions."""
    size = "truth's own size" if protocol.size is None else "x".join(map(str, protocol.size))
    clamped = (
        "not clamped" if protocol.clamp_m is None else "clamped to {:g}..{:g} m".format(*protocol.clamp_m)
    )
    return {
        "name": name,
        **asdict(protocol),
        "cap_m": protocol.max_truth_m,
        "errors": "mean over frames of per-frame values, in metres",
        "prediction": f"resized bilinearly to {size}, {clamped}; truth pixels without prediction count in coverage",
        "truth": f"truth above {protocol.min_truth_m:g} m and not above the cap counts",
        EVERYWHERE: f"protocol {name}: all truth pixels",
        MEDIAN_SCALED: "each image's prediction times median(truth) / median(prediction), as published figures have it",
        CONSTANT: "the data set's median depth, which a robot would not know",
        ROW_RAMP: "1 / (1 + row / rows), with the data set's median depth in the middle row",
        MEAN_MAP: "per-pixel mean depth of the model's training set, scaled by focal length as the model's",
    }


def _checked(depth_m: Array, frame: RgbdFrame) -> Array:
    """Return the prediction. Raises InputError if it has not the image's size: it would be stretched over the truth."""
    if depth_m.shape != frame.camera.size:
        raise InputError(f"frame {frame.name}: depth is {depth_m.shape}, image is {frame.camera.size}")
    return depth_m


def _accuracy(scores: Sequence[IndoorScores]) -> Tree:
    """Average errors: row -> region -> scaling -> mean errors; there is one region."""
    names = dict.fromkeys(row for score in scores for row in score.rows)
    tree: Tree = {}
    for row in names:
        means = {
            scaling: mean_metrics(score.rows[row][scaling] for score in scores if row in score.rows)
            for scaling in SCALINGS
        }
        tree[row] = {EVERYWHERE: {scaling: mean.as_dict() for scaling, mean in means.items()}}
    return tree


def _frame(score: IndoorScores) -> Tree:
    rows = {
        row: {scaling: errors.as_dict() for scaling, errors in scalings.items()}
        for row, scalings in score.rows.items()
    }
    return {"name": score.name, "data_set": score.data_set, "accuracy": rows, "notes": list(score.notes)}
