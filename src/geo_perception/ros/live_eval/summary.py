# SPDX-License-Identifier: Apache-2.0
"""Summary of a live evaluation in sentences: accuracy, age, rate, and causes of missing results."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geo_perception.evaluation.table import number
from geo_perception.ros.live_eval.task import Received
from geo_perception.ros.replay import Sent
from geo_perception.sync.settings import DROP_REASONS

MILLISECOND_NS = 1e6
PERCENTILES = (50, 95, 99)
SECOND_NS = 1e9
LABEL_WIDTH = 13
LINE_WIDTH = 100
SUPERSEDED = "superseded"  # the node's word for frames that a newer one replaced before they were started
SKIPPED, DROPPED = "skipped sets: ", "dropped messages: "  # of the node's diagnostics
FASTER = {  # graph -> arguments that cost accuracy and save time
    "kitti_fusion": "faster and less exact: stereo:=sgbm_fast, or fusion:=confidence",
    "indoor_depth": "faster and less exact: model:=distdepth_lite0_rooms_small",
}


@dataclass
class GraphAgreement:
    """Agreement of the received depth with that of the pipeline called directly."""

    answered: int = 0
    largest_difference_m: float = 0.0

    def add(self, received: Received, direct_m: Any) -> None:
        """Add a frame."""
        self.answered += 1
        difference_m = np.abs(direct_m - received.depth_m)
        if np.isfinite(difference_m).any():
            self.largest_difference_m = max(self.largest_difference_m, float(np.nanmax(difference_m)))


@dataclass(frozen=True)
class Played:
    """Facts about the run besides the metrics."""

    graph: str
    frames: int  # sent one by one
    timed: Sequence[Sent]  # sent in real time
    cloud_points: int  # in a cloud
    diagnostics: Mapping[str, Mapping[str, str]]  # of the node at the end, by status


def summarise(metrics: Mapping[str, Any], agreement: GraphAgreement, played: Played) -> dict[str, str]:
    """Summarise in a sentence or two by label."""
    timings = metrics["timings"]
    answered = f"{agreement.answered} of {played.frames} frames, each sent after the answer to the one before"
    same = f"the same pipeline called without ROS differs by at most {agreement.largest_difference_m:.2g} m"
    known = metrics["frames_with_truth"]
    rows = {
        "accuracy": f"measured on {answered}; {same}"
        if known
        else f"unknown without true depth; answers to {answered}; {same}",
        "output age": age_in_words(timings["output_age_ms"]),
        "output rate": f"{number(timings['MEAN_FRAME_RATE'])} depth images per second, with clouds of "
        f"{played.cloud_points} points, when frames come in real time",
    }
    return {**rows, "dropped": drops_in_words(timings, played, processors())}


def as_lines(summary: Mapping[str, str]) -> list[str]:
    """Format for the terminal: labels on the left, sentences wrapped beside them."""
    return [
        line
        for label, text in summary.items()
        for line in textwrap.wrap(
            f"{label:<{LABEL_WIDTH}}{text}",
            LINE_WIDTH,
            subsequent_indent=" " * LABEL_WIDTH,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def output_age_ms(sent: Sequence[Sent], received_ns: Mapping[int, int]) -> dict[str, float | None]:
    """Compute percentiles of arrival minus stamp over all results, milliseconds; None without results."""
    ages = [
        (received_ns[one.stamp_ns] - one.stamp_ns) / MILLISECOND_NS
        for one in sent
        if one.stamp_ns in received_ns
    ]
    return {f"p{p}": float(np.percentile(ages, p)) if ages else None for p in PERCENTILES}


def age_in_words(ages_ms: Mapping[str, float | None]) -> str:
    """Describe how old depth is when it arrives."""
    if ages_ms["p50"] is None:
        return "unknown: no answer came in real time"
    half, most, nearly_all = (f"{ages_ms[name]:.0f} ms" for name in ("p50", "p95", "p99"))
    return f"median {half} from the stamp of a frame to its depth; 95 % come within {most}, 99 % within {nearly_all}"


def drops_in_words(timings: Mapping[str, Any], played: Played, count: int) -> str:
    """Describe how many frames had no result, and why: a slow processor is no fault, lost messages are."""
    missed, sent = timings["NUM_MISSED_FRAMES"], timings["NUM_FRAMES_SENT"]
    if not missed:
        return f"none of {sent} frames"
    reasons = drop_counts(played.diagnostics)
    said = [f"{missed} of {sent} frames."]
    if reasons.get(SKIPPED + SUPERSEDED):
        rate = f"{number(timings['MEAN_FRAME_RATE'])} of {input_rate(played.timed):.3g} frames/s"
        said.append(
            f"{_processors(count)} manage{'s' if count == 1 else ''} {rate}; the newest frame wins and older ones "
            f"are dropped, so that depth does not fall behind ({FASTER[played.graph]})."
        )
    said += [_reason(name, number_of) for name, number_of in reasons.items() if name != SKIPPED + SUPERSEDED]
    skipped = sum(number_of for name, number_of in reasons.items() if name.startswith(SKIPPED))
    if not skipped and len(said) == 1:
        said.append(
            "The node has not counted them: they were lost on the way, or still under way at the end."
        )
    return " ".join(said)


def drop_counts(diagnostics: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """Parse the node's counts of dropped frames and messages, without zeros."""
    return {
        key: int(value)
        for values in diagnostics.values()
        for key, value in values.items()
        if key.startswith((SKIPPED, DROPPED)) and value != "0"
    }


def input_rate(sent: Sequence[Sent]) -> float:
    """Compute the rate of sent frames per second; NaN for a single one."""
    if len(sent) < 2:
        return float("nan")
    return (len(sent) - 1) * SECOND_NS / (sent[-1].published_ns - sent[0].published_ns)


def processors() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0))


def _processors(count: int) -> str:
    names = {1: "One processor", 2: "Two processors", 3: "Three processors", 4: "Four processors"}
    return names.get(count, f"{count} processors")


def _reason(name: str, count: int) -> str:
    kind, _, reason = name.partition(": ")
    what = "messages" if f"{kind}: " == DROPPED else "frames"
    return (
        f"{count} {what} {reason.replace('_', ' ')}: {DROP_REASONS.get(reason, 'see the diagnostics below')}."
    )
