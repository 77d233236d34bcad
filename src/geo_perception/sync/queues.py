# SPDX-License-Identifier: Apache-2.0
"""Queue of one stream's unmatched messages.

Times in here are nanoseconds on the common clock: the message's stamp minus the stream's constant offset.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from enum import IntEnum
from typing import Any, NamedTuple

from geo_perception.sync.settings import DROP_REASONS, Stream, StreamCounts

RHYTHM_LENGTH = 8  # gaps between messages that must be alike before a stream's rhythm is trusted
RHYTHM_SPREAD = (
    4  # longest / shortest of them; beyond it a stream counts as irregular (3 losses in a row pass)
)
RHYTHM_MARGIN = 0.75  # the next message is taken to come no sooner than this share of the shortest gap


class Patience(IntEnum):
    """Limits on how long a set waits for messages that have not arrived."""

    OPEN = 0  # as long as a nearer message can still come
    TIMED_OUT = 1  # take what is there, go without optional streams, wait on for required ones
    FLUSHED = 2  # nothing more will come


class Verdict(IntEnum):
    """Outcomes of the search for a partner other than its index in the queue."""

    WAIT = -1
    MISSING = -2


class Message(NamedTuple):
    """A message in the queue."""

    stamp_ns: int  # as given, offset not applied
    item: Any
    arrived_ns: int  # on the synchroniser's clock
    gap_ns: int | None  # the stream's shortest recent gap when it arrived, None while the rhythm is unknown


class StreamQueue:
    """One stream's unmatched messages, sorted by time. Not thread safe: the synchroniser holds the lock."""

    def __init__(self, stream: Stream, capacity: int) -> None:
        self.stream = stream
        self.window_ns = round(stream.window_s * 1e9)
        self.offset_ns = round(stream.offset_s * 1e9)
        self.capacity = capacity
        self.times: list[int] = []
        self.messages: list[Message] = []
        self.newest: int | None = None  # newest time since the last reset, matched or not
        self.floor: int | None = None  # times up to here are decided; what comes now is late
        self.silent = False  # optional and timed out: not waited for until it speaks again
        self.added = 0
        self.matched = 0
        self.dropped = dict.fromkeys(DROP_REASONS, 0)
        self._gaps: deque[int] = deque(maxlen=RHYTHM_LENGTH)

    def counts(self) -> StreamCounts:
        """Return a snapshot of the counters."""
        newest = None if self.newest is None else self.newest + self.offset_ns
        return StreamCounts(self.added, self.matched, len(self.times), dict(self.dropped), newest)

    def push(self, time: int, stamp_ns: int, item: Any, arrived_ns: int) -> None:
        """Insert in order, or drop as duplicate or late; a full queue loses its oldest message."""
        index = bisect_left(self.times, time)
        if time == self.newest or (index < len(self.times) and self.times[index] == time):
            self.dropped["duplicate"] += 1
            return
        if self.floor is not None and time <= self.floor:
            self.dropped["late"] += 1
            return
        self._follow_rhythm(time)
        self.silent = False
        self.times.insert(index, time)
        self.messages.insert(index, Message(stamp_ns, item, arrived_ns, self.gap_ns))
        if len(self.times) > self.capacity:
            self.drop_oldest(1, "overflow")

    def nearest(self, time: int, patience: Patience) -> int:
        """Find the index of the message nearest to `time`, the older of two equals, once certain; else a Verdict."""
        after = bisect_right(self.times, time)
        before = after - 1 if after and time - self.times[after - 1] <= self.window_ns else Verdict.MISSING
        if after < len(self.times):
            distance = self.times[after] - time
            if before >= 0 and time - self.times[before] <= distance:
                return before
            return after if distance <= self.window_ns else Verdict.MISSING
        if before >= 0:
            certain = patience > Patience.OPEN or self._keeps_rhythm_past(2 * time - self.times[before])
            return before if certain else Verdict.WAIT
        passed = (
            self.newest is not None and self.newest >= time + self.window_ns
        )  # rhythm is no proof of absence
        if passed or patience is Patience.FLUSHED:
            return Verdict.MISSING
        self.silent = self.silent or (self.stream.optional and patience is Patience.TIMED_OUT)
        return Verdict.MISSING if self.silent else Verdict.WAIT

    def before(self, time: int) -> int:
        """Find the index of the newest message not after `time` and within the window, else MISSING."""
        index = bisect_right(self.times, time) - 1
        return index if index >= 0 and time - self.times[index] <= self.window_ns else Verdict.MISSING

    def take(self, index: int) -> Message:
        """Remove and return the message at `index`; older ones are dropped, a nearer one was found."""
        self.drop_oldest(index, "not_nearest")
        self.matched += 1
        self.floor = self.times.pop(0)
        return self.messages.pop(0)

    def drop_oldest(self, count: int, reason: str) -> None:
        """Drop the `count` oldest messages for `reason`."""
        if count:
            self.dropped[reason] += count
            self.floor = self.times[count - 1]
            del self.times[:count], self.messages[:count]

    def close_until(self, time: int, reason: str) -> None:
        """Mark times up to `time` as decided: drop waiting messages, refuse later arrivals."""
        self.drop_oldest(bisect_right(self.times, time), reason)
        if self.floor is None or self.floor < time:
            self.floor = time

    def restart(self) -> None:
        """Forget all messages after a jump of time; counters and rhythm stay."""
        self.drop_oldest(len(self.times), "reset")
        self.newest = self.floor = None
        self.silent = False

    @property
    def gap_ns(self) -> int | None:
        """Return the shortest of the recent gaps, None while there are too few or they are too irregular to rely on."""
        if len(self._gaps) < RHYTHM_LENGTH:
            return None
        shortest = min(self._gaps)
        return shortest if max(self._gaps) <= RHYTHM_SPREAD * shortest else None

    def _follow_rhythm(self, time: int) -> None:
        if self.newest is None or time > self.newest:
            if self.newest is not None:
                self._gaps.append(time - self.newest)
            self.newest = time

    def _keeps_rhythm_past(self, time: int) -> bool:
        """Return whether the next message, in order and in the stream's rhythm, is no earlier than `time`."""
        if self.newest is None:
            return False
        return self.newest + max(1, round(RHYTHM_MARGIN * (self.gap_ns or 0))) >= time
