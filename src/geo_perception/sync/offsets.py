# SPDX-License-Identifier: Apache-2.0
"""Measurement of offsets: how much later than the pivot a stream stamps the same moment."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

KEPT = 100  # messages per stream: three seconds of a 30 Hz camera
FEWEST = 3  # messages of either stream that a measurement needs while more may come
SPREAD_SHARE = 0.8  # of the gaps: the first and the last message may lack their neighbour


@dataclass(frozen=True)
class StreamOffset:
    """Stamps of one stream against those of the pivot, over the last KEPT messages; settings not applied."""

    offset_s: float  # median signed gap; positive: this stream stamps later
    spread_s: (
        float  # four of five gaps are within this of the median; large where the streams do not run in step
    )
    standing: bool  # every message bears the same stamp


class OffsetMeter:
    """Measures offsets from the stamps of arriving messages of all streams.

    Neighbours in time tell the gap only within half a period, so the clocks are first compared by when messages
    arrive; what is left after that is the gap to the nearest neighbour, for each message of the slower stream.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._seen: dict[str, deque[tuple[int, int]]] = {name: deque(maxlen=KEPT) for name in names}

    def observe(self, name: str, stamp_ns: int, arrived_ns: int) -> None:
        """Record the stamp of a message of stream `name`, and when it arrived."""
        self._seen[name].append((stamp_ns, arrived_ns))

    def measure(self, name: str, pivot: str, since_ns: int, fewest: int = FEWEST) -> StreamOffset | None:
        """Measure the offset of `name` over messages after `since_ns`; None while either stream has too few."""
        stream, reference = (
            [pair for pair in self._seen[each] if pair[1] >= since_ns] for each in (name, pivot)
        )
        if min(len(stream), len(reference)) < fewest:
            return None
        clocks_ns = round(_clock_ns(stream) - _clock_ns(reference))
        ours = sorted({stamp - clocks_ns for stamp, _ in stream})
        theirs = sorted({stamp for stamp, _ in reference})
        slower, faster, sign = (ours, theirs, 1) if len(ours) <= len(theirs) else (theirs, ours, -1)
        gaps = [sign * (stamp - _nearest(faster, stamp)) for stamp in slower]
        middle = median(gaps)
        distances = sorted(abs(gap - middle) for gap in gaps)
        spread = distances[int(SPREAD_SHARE * (len(distances) - 1))]
        return StreamOffset((clocks_ns + middle) * 1e-9, spread * 1e-9, len(ours) == 1 < len(stream))


def _clock_ns(pairs: Sequence[tuple[int, int]]) -> float:
    """Compute how far a stream's clock is ahead of the clock of arrivals, from (stamp, arrival) pairs."""
    return median(stamp - arrived for stamp, arrived in pairs)


def _nearest(stamps: Sequence[int], stamp: int) -> int:
    index = bisect_left(stamps, stamp)
    return min(stamps[max(index - 1, 0) : index + 1], key=lambda each: abs(each - stamp))
