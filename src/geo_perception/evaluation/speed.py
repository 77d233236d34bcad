# SPDX-License-Identifier: Apache-2.0
"""Speed of a run under the field names of ros2_benchmark's basic performance metrics (times in ms)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from geo_perception.errors import InputError

NS_PER_MS = 1e6
MS_PER_S = 1e3


def speed_metrics(
    sent_ns: Mapping[str, int], received_ns: Mapping[str, int]
) -> dict[str, float | int | None]:
    """Compute rate, latency and jitter of the frames that have a result.

    Jitter is the change of the interval between consecutive results, as ros2_benchmark has it. Values that
    too few frames leave undefined are None.

    Args:
        sent_ns: time at which each frame was sent, by name, one clock.
        received_ns: time at which its result was received; a frame without entry was missed.

    Raises:
        InputError: a result of a frame that was never sent, or one older than its frame.
    """
    strange = [name for name, at in received_ns.items() if name not in sent_ns or at < sent_ns[name]]
    if strange:
        raise InputError(f"answers that no sent frame explains: {', '.join(strange[:5])}")
    latency_ms = [(received_ns[name] - at) / NS_PER_MS for name, at in sent_ns.items() if name in received_ns]
    outputs_ms = np.sort(np.array([at / NS_PER_MS for at in received_ns.values()], np.float64))
    duration_ms = float(outputs_ms[-1] - outputs_ms[0]) if len(outputs_ms) else 0.0
    jitter_ms = np.abs(np.diff(outputs_ms, n=2)).tolist()
    return {
        "NUM_FRAMES_SENT": len(sent_ns),
        "NUM_MISSED_FRAMES": len(sent_ns) - len(received_ns),
        "RECEIVED_DURATION": duration_ms,
        "MEAN_FRAME_RATE": (len(outputs_ms) - 1) * MS_PER_S / duration_ms if duration_ms else None,
        **_spread(latency_ms, "LATENCY"),
        **_spread(jitter_ms, "JITTER"),
        "STD_DEV_JITTER": float(np.std(jitter_ms)) if jitter_ms else None,
    }


def stage_times(stages_ms: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Compute median and 95th percentile of each stage of the pipeline, in ms."""
    names = dict.fromkeys(name for stages in stages_ms for name in stages)
    times = {name: [stages[name] for stages in stages_ms if name in stages] for name in names}
    return {
        name: {"median_ms": float(np.median(t)), "p95_ms": float(np.percentile(t, 95))}
        for name, t in times.items()
    }


def _spread(values: Sequence[float], name: str) -> dict[str, float | None]:
    if not values:
        return dict.fromkeys((f"MEAN_{name}", f"MAX_{name}", f"MIN_{name}"))
    return {f"MEAN_{name}": float(np.mean(values)), f"MAX_{name}": max(values), f"MIN_{name}": min(values)}
