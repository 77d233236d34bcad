# SPDX-License-Identifier: Apache-2.0
"""Windows and offsets for matching a bag's messages, as the nodes' parameters have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from geo_perception.errors import ConfigError
from geo_perception.sync import Stream, StreamCounts
from geo_perception.sync.offsets import OffsetMeter
from geo_perception.sync.settings import MOST_S

POOR_SHARE = 0.5  # of an input's messages; below it, its stamps are analysed
EVER_NS = -(1 << 63)  # before any time of receipt


@dataclass(frozen=True)
class MatchWindows:
    """Windows and offsets; the names, meanings and defaults are those of the node `stereo_lidar_fusion`.

    Attributes:
        stereo_window_s: largest time between the left image and right image, CameraInfos or true depth.
        lidar_window_s: largest time between left image and sweep.
        right_offset_s: how much later the right camera stamps the same moment.
        lidar_offset_s: how much later the lidar stamps the same moment.

    Raises:
        ConfigError: a window is negative, or a value is not finite or beyond MOST_S.
    """

    stereo_window_s: float = 0.01
    lidar_window_s: float = 0.06
    right_offset_s: float = 0.0
    lidar_offset_s: float = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            low = 0.0 if item.name.endswith("window_s") else -MOST_S
            if not low <= value <= MOST_S:
                raise ConfigError(f"{item.name} is {value}; allowed: {low:g} to {MOST_S:g} s")

    @classmethod
    def equal_to(cls, window_s: float) -> MatchWindows:
        """Make windows of one width for all inputs, without offsets."""
        return cls(window_s, window_s)

    @classmethod
    def named(cls, values: Mapping[str, str]) -> MatchWindows:
        """Make windows of named values, the others by default. Raises ConfigError for what is no number."""
        given = {item.name: values[item.name] for item in fields(cls) if values.get(item.name)}
        try:
            return cls(**{name: float(text) for name, text in given.items()})
        except ValueError as error:
            raise ConfigError(f"windows and offsets are seconds, got {given}: {error}") from error

    def stream(self, part: str, *, optional: bool = False) -> Stream:
        """Return the stream settings of an input of `BagTopics`."""
        if part == "left":
            return Stream(part, 0.0)
        if part == "points":
            return Stream(part, self.lidar_window_s, self.lidar_offset_s, optional)
        offset_s = self.right_offset_s if part.startswith("right") else 0.0
        return Stream(part, self.stereo_window_s, offset_s, optional)


class Gaps:
    """Measurement of how much later a bag's inputs are stamped than its left images."""

    def __init__(self, windows: MatchWindows, parts: Sequence[str]) -> None:
        self._windows, self._meter = windows, OffsetMeter(parts)

    def seen(self, part: str, stamp_ns: int, log_ns: int) -> None:
        """Record a message of an input: its stamp and when it was received."""
        self._meter.observe(part, stamp_ns, log_ns)

    def advice(self, names: Mapping[str, str], counts: Mapping[str, StreamCounts]) -> str:
        """Advise on inputs of which most messages found no partner; empty where stamps are not the cause.

        A few without a partner prove nothing: messages may have been lost, and a clock that is ahead by whole periods,
        or late receipt, looks the same.

        Args:
            names: input -> topic.
            counts: counters of the synchroniser.
        """
        poor = [part for part, count in counts.items() if count.matched < POOR_SHARE * count.added]
        said = [self._advice(part, names[part], names["left"]) for part in poor]
        return "; ".join(filter(None, said))

    def _advice(self, part: str, topic: str, left: str) -> str:
        offset, stream = self._meter.measure(part, "left", EVER_NS, 1), self._windows.stream(part)
        own = self._meter.measure("left", "left", EVER_NS, 1)
        if offset is None or own is None or (own.standing and part != "left"):
            return ""
        if offset.standing:
            return f"every message of {topic} bears the same stamp: its driver must give each its time"
        gap_s = offset.offset_s
        if abs(gap_s - stream.offset_s) <= stream.window_s:
            return ""
        side = "later" if gap_s > 0 else "earlier"
        taken = f" around an offset of {stream.offset_s:g} s" if stream.offset_s else ""
        said = f"{topic} is stamped {abs(gap_s):.3f} s {side} than {left}, the window is {stream.window_s:g} s{taken}"
        kind = "lidar" if part == "points" else "right" if part.startswith("right") else ""
        cure = f"{kind}_offset_s {gap_s:.3f}" if kind else f"stereo_window_s {abs(gap_s) + 1e-3:.3f}"
        return f"{said}: set {cure}"
