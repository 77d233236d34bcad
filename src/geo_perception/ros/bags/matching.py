# SPDX-License-Identifier: Apache-2.0
"""Messages of an open bag in sets of one moment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from geo_perception.errors import DataError, GeoPerceptionError
from geo_perception.geometry.plausibility import report_doubts
from geo_perception.ros.bags.layout import BagTopics, compressed_hint, open_reader, typestore
from geo_perception.ros.conversions import info_doubts, stamp_ns
from geo_perception.sync import Match, Stream, Synchronizer

Frame = TypeVar("Frame")

logger = logging.getLogger(__name__)


class MatchedMessages:
    """The sets of an open reader, made into frames."""

    def __init__(
        self, path: str | Path, reader: Any, topics: BagTopics, window_s: float, needs_truth: bool
    ) -> None:
        """Raises DataError if a topic is missing or of another type."""
        self.path, self.reader, self.topics = path, reader, topics
        self._store = typestore()
        self._parts = {topic: part for part, topic in self._wanted(needs_truth).items()}
        optional = () if needs_truth else ("truth",)
        streams = [Stream(part, window_s, optional=part in optional) for part in self._parts.values()]
        self._sync = Synchronizer(streams, pivot="left")
        self.count = 0

    def _wanted(self, needs_truth: bool) -> dict[str, str]:
        there = {connection.topic: connection.msgtype for connection in self.reader.connections}
        truth = {"truth": self.topics.truth}
        required = self.topics.required | (truth if needs_truth else {})
        missing = sorted(set(required.values()) - there.keys())
        if missing:
            raise DataError(
                f"bag {self.path} lacks {', '.join(missing)}; it has {', '.join(sorted(there)) or 'no topics'}"
                + compressed_hint(self.path, there)
            )
        wanted = required | (truth if self.topics.truth in there else {})
        for topic in wanted.values():
            if there[topic] != self.topics.types[topic]:
                raise DataError(
                    f"bag {self.path}: {topic} is {there[topic]}, only {self.topics.types[topic]} is read"
                    + compressed_hint(self.path, there)
                )
        return wanted

    def frames(
        self, decode: Callable[[Match, int], Frame], transforms: Callable[[Any], None] = lambda message: None
    ) -> Iterator[Frame]:
        """What `decode` makes of every complete set and its number; messages left out are counted in one warning.

        Args:
            decode: may raise GeoPerceptionError for bad messages.
            transforms: takes every message of /tf_static.

        Raises:
            DataError: the bag is damaged, no set is complete, or a message is bad.
        """
        for topic, message in self.messages((*self._parts, self.topics.tf_static)):
            if topic == self.topics.tf_static:
                transforms(message)
            else:
                for match in self._sync.add(self._parts[topic], stamp_ns(message), message):
                    yield self._frame(match, decode)
        for match in self._sync.flush():
            yield self._frame(match, decode)
        self._report()

    def messages(self, topics: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        """Topic and message in bag order. Raises DataError if the bag is damaged."""
        from rosbags.rosbag2 import ReaderError

        wanted = [connection for connection in self.reader.connections if connection.topic in topics]
        if not wanted:  # the library would take it for all
            return
        try:
            for connection, _, data in self.reader.messages(wanted):
                yield connection.topic, self._store.deserialize_cdr(data, connection.msgtype)
        except GeoPerceptionError:
            raise
        except (ReaderError, OSError, ValueError, AssertionError, KeyError, IndexError) as error:
            raise DataError(f"bag {self.path} is damaged: {error or type(error).__name__}") from error

    def _frame(self, match: Match, decode: Callable[[Match, int], Frame]) -> Frame:
        try:
            frame = decode(match, self.count)
            self._report_doubts(match)
        except GeoPerceptionError as error:
            raise DataError(f"bag {self.path}, frame {self.count} at {match.stamp_ns} ns: {error}") from error
        self.count += 1
        return frame

    def _report_doubts(self, match: Match) -> None:
        """One warning of what is unusual about the cameras of a set that could be decoded."""
        for part in ("left_info", "right_info"):
            info = match.get(part)
            if info is not None:
                report_doubts(f"bag {self.path}: {self.topics.required[part]}", info_doubts(info))

    def _report(self) -> None:
        drops = {
            f"{self.topics.required.get(part, self.topics.truth)} {reason}": number
            for part, counts in self._sync.counts.items()
            for reason, number in counts.dropped.items()
            if number
        }
        said = ", ".join(f"{name}: {number}" for name, number in drops.items())
        if not self.count:
            raise DataError(f"bag {self.path} holds no complete frame ({said or 'no messages'})")
        if drops:
            logger.warning("bag %s: messages left out of %d frames: %s", self.path, self.count, said)


@contextmanager
def matched_messages(
    path: str | Path, topics: BagTopics, window_s: float, *, needs_truth: bool = False
) -> Iterator[MatchedMessages]:
    """The sets of a bag by its path, which is closed in the end; without `needs_truth`, sets may lack true depth.

    Raises:
        DataError: as `open_reader` does, or a topic is missing or of another type.
    """
    reader = open_reader(path)
    try:
        yield MatchedMessages(path, reader, topics, window_s, needs_truth)
    finally:
        reader.close()
