# SPDX-License-Identifier: Apache-2.0
"""Diagnosis of streams that arrive and find no partner: how far off they are, and the setting that would help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from geo_perception.sync.offsets import OffsetMeter, StreamOffset
from geo_perception.sync.settings import Stream

LARGEST_WINDOW_S = 0.2  # to advise: messages farther apart are not of one moment


@dataclass(frozen=True)
class Unmatched:
    """A stream without a match although it and the pivot arrive."""

    stream: Stream
    pivot: Stream
    offset: StreamOffset
    silent_s: float  # since its last match, or since its first message

    @property
    def needed_offset_s(self) -> float:
        """`offset_s` of the stream that would make the stamps agree."""
        return self.offset.offset_s + self.pivot.offset_s

    @property
    def needed_window_s(self) -> float:
        """`window_s` of the stream that would let most of them match, with the offset as it is."""
        return abs(self.needed_offset_s - self.stream.offset_s) + self.offset.spread_s

    def __str__(self) -> str:
        """Describe stream, fault and remedy in one line."""
        return f"{self.stream.name}: no match for {self.silent_s:.0f} s: {self._fault()}; {self._cure()}"

    def _fault(self) -> str:
        stream, gap_s = self.stream, self.offset.offset_s
        if self.offset.standing:
            return "every message bears the same stamp"
        side = "later" if gap_s >= 0 else "earlier"
        steady = self.offset.spread_s <= stream.window_s
        spread = "" if steady else f", give or take {self.offset.spread_s:.3f} s,"
        taken = f" around an offset of {stream.offset_s:g} s" if stream.offset_s else ""
        window = f"the window is {stream.window_s:g} s{taken}"
        return f"stamped {abs(gap_s):.3f} s {side}{spread} than {self.pivot.name}, {window}"

    def _cure(self) -> str:
        stream = self.stream
        cures = []
        if stream.offset_parameter and not self.offset.standing:
            window_s = _window(self.offset.spread_s)
            wider = f" with {stream.window_parameter}:={window_s}" * (self.offset.spread_s > stream.window_s)
            cures.append(f"{stream.offset_parameter}:={self.needed_offset_s:.3f}{wider}")
        if stream.window_parameter and self.needed_window_s <= LARGEST_WINDOW_S and not self.offset.standing:
            cures.append(f"{stream.window_parameter}:={_window(self.needed_window_s)}")
        if not cures:
            return f"its driver must stamp it as {self.pivot.name}"
        return "set " + ", or if they are of different moments ".join(cures)


def _window(needed_s: float) -> str:
    """Format a window a millisecond wider than needed."""
    return f"{needed_s + 1e-3:.3f}"


class MatchWatch:
    """Record of each stream's last match and of its stamps, to explain why one is not matched."""

    def __init__(self, streams: Sequence[Stream], pivot: Stream) -> None:
        self._streams, self._pivot = list(streams), pivot
        self._meter = OffsetMeter([stream.name for stream in streams])
        self._matched_ns: dict[str, int] = {}

    def arrived(self, name: str, stamp_ns: int, now_ns: int) -> None:
        """Record the arrival of a message of stream `name`."""
        self._matched_ns.setdefault(name, now_ns)
        self._meter.observe(name, stamp_ns, now_ns)

    def matched(self, names: Sequence[str], now_ns: int) -> None:
        """Record that these streams have a message in a match."""
        self._matched_ns.update(dict.fromkeys(names, now_ns))

    def unmatched(self, now_ns: int, after_s: float) -> list[Unmatched]:
        """List streams with messages for `after_s` and no match whose own stamps are the cause."""
        out = []
        for stream in self._streams:
            silent_ns = now_ns - self._matched_ns.get(stream.name, now_ns)
            if stream == self._pivot or silent_ns < after_s * 1e9:
                continue
            offset = self._meter.measure(stream.name, self._pivot.name, now_ns - round(after_s * 1e9))
            if offset is None:
                continue
            found = Unmatched(stream, self._pivot, offset, silent_ns * 1e-9)
            off_s = abs(found.needed_offset_s - stream.offset_s)
            if offset.standing or off_s > stream.window_s:
                out.append(found)
        return out
