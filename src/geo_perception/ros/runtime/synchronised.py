# SPDX-License-Identifier: Apache-2.0
"""A perception node whose jobs are messages of one moment, matched by stamp."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from geo_perception.ros import conversions
from geo_perception.ros.runtime.node import PerceptionNode
from geo_perception.ros.runtime.settings import MatchedSettings
from geo_perception.sync import Match, Synchronizer

POLL_SHARE = 0.25  # of the timeout: how late a degraded set may be noticed
MIN_POLL_S = 0.01

S = TypeVar("S", bound=MatchedSettings)


class SynchronisedNode(PerceptionNode[S, Match]):
    """Its settings name the streams; a derived node extends `begin` and `end`, if it has more to set up."""

    _sync: Synchronizer | None = None
    _poll: Any = None

    def begin(self, settings: S) -> None:
        """A synchroniser by the present settings, and a timer for when no message tells the time."""
        streams = settings.streams()
        self._sync = sync = Synchronizer(streams, pivot=streams[0].name, timeout_s=settings.timeout_s)
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
        return self._sync.add(topic, conversions.stamp_ns(message), message)

    def dropped_messages(self) -> Mapping[str, int]:
        return {} if self._sync is None else {**self._sync.stats, "time jumps": self._sync.resets}
