# SPDX-License-Identifier: Apache-2.0
"""How far apart the stamps of one moment may be: the nodes' parameters, for those who read bags."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, fields
from statistics import median

from geo_perception.errors import ConfigError
from geo_perception.sync import Stream

MOST_STAMPS = 10_000  # of a part that are compared to name a gap
SECOND_NS = 1e9


@dataclass(frozen=True)
class MatchWindows:
    """Windows and offsets; the names, meanings and defaults are those of the node `stereo_lidar_fusion`.

    stereo_window_s: largest time between the left image and right image, CameraInfos or true depth.
    lidar_window_s: largest time between left image and sweep.
    right_offset_s, lidar_offset_s: how much later that sensor stamps the same moment.

    Raises:
        ConfigError: a window is negative, or a value is not finite.
    """

    stereo_window_s: float = 0.01
    lidar_window_s: float = 0.06
    right_offset_s: float = 0.0
    lidar_offset_s: float = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not math.isfinite(value) or (value < 0 and item.name.endswith("window_s")):
                allowed = "0 s and more" if item.name.endswith("window_s") else "finite seconds"
                raise ConfigError(f"{item.name} is {value}; allowed: {allowed}")

    @classmethod
    def equal_to(cls, window_s: float) -> MatchWindows:
        """The same window for all parts, no offsets."""
        return cls(window_s, window_s)

    @classmethod
    def named(cls, values: Mapping[str, str]) -> MatchWindows:
        """Those that are named, the others by default. Raises ConfigError for what is no number."""
        given = {item.name: values[item.name] for item in fields(cls) if values.get(item.name)}
        try:
            return cls(**{name: float(text) for name, text in given.items()})
        except ValueError as error:
            raise ConfigError(f"windows and offsets are seconds, got {given}: {error}") from error

    def stream(self, part: str, *, optional: bool = False) -> Stream:
        """The settings of a part of `BagTopics`."""
        if part == "left":
            return Stream(part, 0.0)
        if part == "points":
            return Stream(part, self.lidar_window_s, self.lidar_offset_s, optional)
        offset_s = self.right_offset_s if part.startswith("right") else 0.0
        return Stream(part, self.stereo_window_s, offset_s, optional)


class Gaps:
    """How much later the parts of a bag are stamped than its left images."""

    def __init__(self, windows: MatchWindows) -> None:
        self._windows = windows
        self._seen: dict[str, list[tuple[int, int]]] = {}

    def seen(self, part: str, stamp_ns: int, log_ns: int) -> None:
        """A message of a part, and when it was received."""
        pairs = self._seen.setdefault(part, [])
        if len(pairs) < MOST_STAMPS:
            pairs.append((stamp_ns, log_ns))

    def advice(self, part: str, topic: str, left: str) -> str:
        """One sentence on a part that found no partners; empty where its stamps are not why."""
        gap_s = self._gap_s(part)
        stream = self._windows.stream(part)
        if gap_s is None or abs(gap_s - stream.offset_s) <= stream.window_s:
            return ""
        side = "later" if gap_s > 0 else "earlier"
        taken = f" around an offset of {stream.offset_s:g} s" if stream.offset_s else ""
        said = f"{topic} is stamped {abs(gap_s):.3f} s {side} than {left}, the window is {stream.window_s:g} s{taken}"
        kind = "lidar" if part == "points" else "right" if part.startswith("right") else ""
        window = "lidar_window_s" if part == "points" else "stereo_window_s"
        cure = f"{kind}_offset_s {gap_s:.3f}" if kind else f"{window} {abs(gap_s) + 1e-3:.3f}"
        return f"{said}: set {cure}"

    def _gap_s(self, part: str) -> float | None:
        """Median over the rarer of the two; clocks are first compared by when messages were received."""
        theirs, left = self._seen.get(part), self._seen.get("left")
        if not theirs or not left:
            return None
        clock_ns = _clock_ns(theirs) - _clock_ns(left)
        rarer, others, sign = (theirs, left, 1) if len(theirs) <= len(left) else (left, theirs, -1)
        stamps = sorted(stamp + sign * clock_ns for stamp, _ in others)
        gaps = [stamp - _nearest(stamps, stamp) for stamp, _ in rarer]
        return float(clock_ns + sign * median(gaps)) / SECOND_NS


def _clock_ns(pairs: list[tuple[int, int]]) -> int:
    """How far a sensor's clock is ahead of the recorder's."""
    return round(median(stamp - log for stamp, log in pairs))


def _nearest(stamps: list[int], stamp: int) -> int:
    index = bisect_left(stamps, stamp)
    return min(stamps[max(index - 1, 0) : index + 1], key=lambda each: abs(each - stamp))
