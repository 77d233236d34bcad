# SPDX-License-Identifier: Apache-2.0
"""Source of a bag's serialised messages, one at a time or in sets of one moment, repeatable."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geo_perception.errors import DataError, InputError
from geo_perception.ros import cdr
from geo_perception.ros.bags.infrequent import INFOS, infrequent
from geo_perception.ros.bags.layout import DEFAULT_TOPICS, BagTopics, typestore
from geo_perception.ros.bags.opening import open_bag
from geo_perception.ros.bags.recognition import recognised
from geo_perception.ros.bags.windows import Gaps, MatchWindows
from geo_perception.ros.replay.config import ReplayConfig
from geo_perception.ros.runtime.topics import message_class
from geo_perception.sync import Synchronizer

BURST_NS = 1_000_000
TF_HINT = "; nodes need their parameter camera_from_lidar"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Serialised:
    """A serialised message of the bag."""

    topic: str
    log_ns: int
    stamp_ns: int | None  # stamp of the header; None if the type does not begin with one
    data: bytes


class ReplaySource:
    """An open bag."""

    def __init__(self, path: str | Path, config: ReplayConfig) -> None:
        self.path = path
        self._bag = open_bag(path)
        self._kinds = self._bag.kinds()
        self.topics = config.topics or self._recognised(config.renamed)
        self._stamped = _types_with_header(set(self._kinds.values()))
        self.classes = self._classes()

    def close(self) -> None:
        """Close the bag."""
        self._bag.close()

    def _recognised(self, renamed: Callable[[str], str]) -> BagTopics:
        found = recognised(self._kinds, renamed)
        if found is None:
            said = (
                "bag %s has no input of a node by its name (/left/image_rect, /image_rect ...); see --remap"
            )
            logger.warning(said, self.path)
        return found[1] if found else DEFAULT_TOPICS

    def _classes(self) -> dict[str, Any]:
        """Import topic -> message class, for topics whose package is installed."""
        classes = {}
        for name, kind in self._kinds.items():
            if self._bag.find(name, kind) is None:
                logger.warning(
                    "not published: %s, because its messages are not in CDR, as ROS 2 has them", name
                )
                continue
            try:
                classes[name] = message_class(kind)
            except (ImportError, AttributeError, ValueError):
                package = kind.partition("/")[0] or "a type"
                hint = TF_HINT if name == self.topics.tf_static else ""
                said = "not published: %s, because %s is not installed%s"
                logger.warning(said, name, kind if installed(package) else package, hint)
        if not classes:
            self.close()
            raise DataError(f"bag {self.path} has no topic that can be published here")
        return classes

    @property
    def latched(self) -> set[str]:
        """Return the topics that the bag offers as transient local."""
        return {topic.name for topic in self._bag.topics if topic.latched}

    @property
    def inputs(self) -> list[str]:
        """Return the topics of the bag that are inputs of a perception graph."""
        return [topic for topic in self.topics.required.values() if topic in self.classes]

    def count(self, topic: str) -> int:
        """Count the messages on a topic."""
        return sum(one.count for one in self._bag.topics if one.name == topic)

    def messages(self) -> Iterator[Serialised]:
        """Yield every message that can be published, in the order of recording.

        Raises:
            DataError: the bag is damaged.
        """
        found = (self._bag.find(name, self._kinds[name]) for name in self.classes)
        for topic, log_ns, data in self._bag.messages([topic for topic in found if topic is not None]):
            try:
                stamp_ns = cdr.stamp_of(data) if topic.type in self._stamped else None
            except InputError as error:
                raise DataError(
                    f"bag {self.path} is damaged: {topic.name} at {log_ns} ns: {error}"
                ) from error
            yield Serialised(topic.name, log_ns, stamp_ns, data)

    def bursts(self) -> Iterator[list[Serialised]]:
        """Yield the same messages, those of one moment together, so that they can be read ahead of that moment."""
        burst: list[Serialised] = []
        for message in self.messages():
            if burst and message.log_ns - burst[0].log_ns > BURST_NS:
                yield burst
                burst = []
            burst.append(message)
        if burst:
            yield burst

    def sets(self, windows: MatchWindows) -> Iterator[list[Serialised]]:
        """Yield messages in sets of one moment; those of no set (such as /tf_static) come ahead of the next set.

        Raises:
            DataError: damaged, without left images, or without a complete set; tells how far apart stamps are.
        """
        parts = {topic: part for part, topic in self._parts().items()}
        for part, images in INFOS.items():
            name, other = getattr(self.topics, part), getattr(self.topics, images)
            if name in parts and infrequent(self.count(name), self.count(other)):
                raise DataError(
                    f"bag {self.path} has {self.count(name)} messages on {name} for {self.count(other)} images; nodes "
                    "take a CameraInfo with each, so no set would be complete"
                )
        streams = [windows.stream(part, optional=part == "truth") for part in parts.values()]
        sync, gaps, count = Synchronizer(streams, pivot="left"), Gaps(windows, [*parts.values()]), 0
        others: list[Serialised] = []
        for message in self.messages():
            if message.topic not in parts or message.stamp_ns is None:
                others.append(message)
                continue
            gaps.seen(parts[message.topic], message.stamp_ns, message.log_ns)
            for match in sync.add(parts[message.topic], message.stamp_ns, message):
                count += 1
                yield [*others, *match.items.values()]
                others = []
        for match in sync.flush():
            count += 1
            yield [*others, *match.items.values()]
            others = []
        advice = gaps.advice({part: topic for topic, part in parts.items()}, sync.counts)
        if not count:
            raise DataError(
                f"bag {self.path} holds no complete set of {', '.join(parts)}: {advice or 'no messages'}"
            )
        if (lost := sync.counts["left"].added - count) > 0:
            more = f"; {advice}" if advice else ""
            logger.warning(
                "%d of %d images of bag %s are in no complete set%s", lost, count + lost, self.path, more
            )

    def _parts(self) -> dict[str, str]:
        parts = {part: topic for part, topic in self.topics.required.items() if topic in self.classes}
        if "left" not in parts:
            raise DataError(f"bag {self.path} lacks {self.topics.left}, the pace of a lockstep replay")
        return parts | ({"truth": self.topics.truth} if self.topics.truth in self.classes else {})


def installed(package: str) -> bool:
    """Return whether a package of messages can be imported."""
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:
        return False


def _types_with_header(kinds: set[str]) -> set[str]:
    definitions = typestore().fielddefs
    first = {kind: definitions[kind][1][:1] for kind in kinds if kind in definitions}
    return {kind for kind, field in first.items() if field and "std_msgs/msg/Header" in str(field[0])}
