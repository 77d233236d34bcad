# SPDX-License-Identifier: Apache-2.0
"""Serialised messages of a bag, one at a time or in sets of one moment, as often as asked."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geo_perception.errors import DataError, InputError
from geo_perception.ros import cdr
from geo_perception.ros.bags.layout import BagTopics, open_reader, typestore
from geo_perception.sync import Stream, Synchronizer

BURST_NS = 1_000_000
TF_HINT = "; nodes need their parameter camera_from_lidar"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Serialised:
    """A message as it lies in the bag."""

    topic: str
    log_ns: int
    stamp_ns: int | None  # of the header; None if the type does not begin with one
    data: bytes


class BagSource:
    """An open bag."""

    def __init__(self, path: str | Path, topics: BagTopics) -> None:
        self.path, self.topics = path, topics
        self._reader = open_reader(path)
        self._stamped = _types_with_header({c.msgtype for c in self._reader.connections})
        self.classes = self._classes()

    def close(self) -> None:
        self._reader.close()

    def _classes(self) -> dict[str, Any]:
        """Topic -> message class, for those whose package is installed."""
        classes = {}
        for connection in self._reader.connections:
            try:
                classes[connection.topic] = message_class(connection.msgtype)
            except ImportError:
                package = connection.msgtype.partition("/")[0]
                hint = TF_HINT if connection.topic == self.topics.tf_static else ""
                said = "not published: %s, because %s is not installed%s"
                logger.warning(said, connection.topic, package, hint)
        if not classes:
            raise DataError(f"bag {self.path} has no topic that can be published here")
        return classes

    @property
    def latched(self) -> set[str]:
        """Topics that the bag offers as transient local."""
        from rosbags.interfaces import QosDurability

        return {
            connection.topic
            for connection in self._reader.connections
            for profile in connection.ext.offered_qos_profiles
            if profile.durability == QosDurability.TRANSIENT_LOCAL
        }

    @property
    def inputs(self) -> list[str]:
        """Topics of the bag that a perception graph takes in."""
        return [topic for topic in self.topics.required.values() if topic in self.classes]

    def count(self, topic: str) -> int:
        """Messages on a topic."""
        return sum(c.msgcount for c in self._reader.connections if c.topic == topic)

    def messages(self) -> Iterator[Serialised]:
        """Every message that can be published, in the order of recording.

        Raises:
            DataError: the bag is damaged.
        """
        from rosbags.rosbag2 import ReaderError

        wanted = [c for c in self._reader.connections if c.topic in self.classes]
        try:
            for connection, log_ns, data in self._reader.messages(wanted):
                stamp_ns = cdr.stamp_of(data) if connection.msgtype in self._stamped else None
                yield Serialised(connection.topic, log_ns, stamp_ns, bytes(data))
        except (ReaderError, InputError, OSError, ValueError, AssertionError) as error:
            raise DataError(f"bag {self.path} is damaged: {error or type(error).__name__}") from error

    def bursts(self) -> Iterator[list[Serialised]]:
        """The same, those of one moment together, so that they can be read before that moment comes."""
        burst: list[Serialised] = []
        for message in self.messages():
            if burst and message.log_ns - burst[0].log_ns > BURST_NS:
                yield burst
                burst = []
            burst.append(message)
        if burst:
            yield burst

    def sets(self, window_s: float) -> Iterator[list[Serialised]]:
        """Messages in sets of one moment, what belongs to no set (such as /tf_static) ahead of the next one.

        Raises:
            DataError: damaged, or without left images.
        """
        parts = {topic: part for part, topic in self._parts().items()}
        streams = [Stream(part, window_s, optional=part == "truth") for part in parts.values()]
        sync = Synchronizer(streams, pivot="left")
        others: list[Serialised] = []
        for message in self.messages():
            if message.topic not in parts or message.stamp_ns is None:
                others.append(message)
                continue
            for match in sync.add(parts[message.topic], message.stamp_ns, message):
                yield [*others, *match.items.values()]
                others = []
        for match in sync.flush():
            yield [*others, *match.items.values()]
            others = []

    def _parts(self) -> dict[str, str]:
        parts = {part: topic for part, topic in self.topics.required.items() if topic in self.classes}
        if "left" not in parts:
            raise DataError(f"bag {self.path} lacks {self.topics.left}, the pace of a lockstep replay")
        return parts | ({"truth": self.topics.truth} if self.topics.truth in self.classes else {})


def message_class(kind: str) -> Any:
    """The Python class of a type such as sensor_msgs/msg/Image; ImportError if its package is not installed."""
    package, _, name = kind.rpartition("/")
    return getattr(importlib.import_module(package.replace("/", ".")), name)


def _types_with_header(kinds: set[str]) -> set[str]:
    definitions = typestore().fielddefs
    first = {kind: definitions[kind][1][:1] for kind in kinds if kind in definitions}
    return {kind for kind, field in first.items() if field and "std_msgs/msg/Header" in str(field[0])}
