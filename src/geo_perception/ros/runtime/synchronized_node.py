# SPDX-License-Identifier: Apache-2.0
"""A perception node whose jobs are messages of one moment, matched by stamp."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from time import monotonic_ns
from typing import Any, TypeVar

from geo_perception.errors import InputError
from geo_perception.ros import conversions
from geo_perception.ros.runtime.parameters import MatchedSettings
from geo_perception.ros.runtime.perception_node import PerceptionNode
from geo_perception.sync import Match, Synchronizer

POLL_SHARE = 0.25  # of the timeout: how late a degraded set may be noticed
MIN_POLL_S = 0.01
FUTURE_S = 0.1  # more than clocks on one network differ
FUTURE_COUNT = (
    50  # messages in a row: five seconds of a lidar, by when a stream without a match is named as such
)
UNMATCHED_S = 3.0  # without a match before it is said why: longer than any start takes

S = TypeVar("S", bound=MatchedSettings)


class FutureStamps:
    """Inputs that are stamped ahead of this node's clock, message after message.

    They may match by their stamps and still not be of one moment, and nothing else would tell.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()  # in a row
        self._ahead_s: dict[str, float] = {}

    def observe(self, topic: str, ahead_ns: int) -> None:
        """A message came; `ahead_ns` is its stamp minus now."""
        self._ahead_s[topic] = ahead_ns * 1e-9
        self._counts[topic] = self._counts[topic] + 1 if self._ahead_s[topic] > FUTURE_S else 0

    def line(self, excused: Collection[str] = ()) -> str:
        """Describe topics with stamps in the future, except excused ones; empty if there are none."""
        said = [
            f"{topic} {self._ahead_s[topic]:.3f} s"
            for topic, count in self._counts.items()
            if count >= FUTURE_COUNT and topic not in excused
        ]
        return (
            f"stamped in the future of this machine's clock: {', '.join(said)}; synchronise the clocks "
            "(chrony, PTP), or play bags with use_sim_time:=true and --clock"
            if said
            else ""
        )


class SynchronisedNode(PerceptionNode[S, Match]):
    """Its settings name the streams; a derived node extends `begin` and `end`, if it has more to set up."""

    _sync: Synchronizer | None = None
    _poll: Any = None
    _ahead: FutureStamps

    def begin(self, settings: S) -> None:
        """A synchroniser by the present settings, and a timer for when no message tells the time."""
        self._ahead = FutureStamps()
        streams = settings.streams()
        self._sync = sync = Synchronizer(
            streams, pivot=streams[0].name, timeout_s=settings.timeout_s, clock=monotonic_ns
        )
        period_s = max(settings.timeout_s * POLL_SHARE, MIN_POLL_S)
        self._poll = self.create_timer(period_s, lambda: self.submit(sync.poll()), clock=self.steady_clock)

    def end(self) -> None:
        if self._poll is not None:
            self.destroy_timer(self._poll)
        self._poll = self._sync = None

    def renew(self, settings: S) -> None:
        self.end()
        self.begin(settings)

    def store(self, topic: str, message: Any) -> Iterable[Match]:
        if self._sync is None:
            return []
        stamp_ns = conversions.stamp_ns(message)
        if stamp_ns == 0:  # ROS's own sign for it; two of them are no more of one moment than any others
            raise InputError(
                "the stamp is 0, so the message is not stamped; its driver must stamp what it sends"
            )
        self._ahead.observe(topic, stamp_ns - self.get_clock().now().nanoseconds)
        return self._sync.add(topic, stamp_ns, message)

    def look_around(self, settings: S) -> None:
        super().look_around(settings)
        if self._sync is not None:
            unmatched = self._sync.unmatched(UNMATCHED_S)
            names = " ".join(found.stream.name for found in unmatched)
            self.note("unmatched", "; ".join(map(str, unmatched)), names)
            future = self._ahead.line(excused={found.stream.name for found in unmatched})
            self.note("future", future)

    def dropped_messages(self) -> Mapping[str, int]:
        return {} if self._sync is None else {**self._sync.stats, "time jumps": self._sync.resets}
