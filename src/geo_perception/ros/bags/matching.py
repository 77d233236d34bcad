# SPDX-License-Identifier: Apache-2.0
"""Matching of an open bag's messages to sets of one moment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from geo_perception.errors import DataError, GeoPerceptionError
from geo_perception.geometry.plausibility import report_doubts
from geo_perception.ros.bags.infrequent import InfrequentInfos
from geo_perception.ros.bags.layout import BagTopics, compressed_hint
from geo_perception.ros.bags.opening import Bag, open_bag
from geo_perception.ros.bags.recognition import recognised
from geo_perception.ros.bags.storage import CDR, Recorded, TopicMetadata
from geo_perception.ros.bags.windows import Gaps, MatchWindows
from geo_perception.ros.conversions import info_doubts, stamp_ns
from geo_perception.sync import Match, Synchronizer

Frame = TypeVar("Frame")

logger = logging.getLogger(__name__)


class MatchedMessages:
    """Matched sets of an open bag, decoded to frames."""

    def __init__(self, bag: Bag, topics: BagTopics, windows: MatchWindows, needs_truth: bool) -> None:
        """Find the topics. Raises DataError if one is missing or of another type."""
        self.bag, self.topics = bag, topics
        optional = () if needs_truth else ("truth",)
        chosen = wanted_topics(bag, topics, needs_truth)
        self._infos = InfrequentInfos(bag, chosen)
        self._parts = {topic.key: part for part, topic in chosen.items() if part not in self._infos.parts}
        self._wanted = [topic for part, topic in chosen.items() if part not in self._infos.parts]
        self._names = {part: topic.name for part, topic in chosen.items()}
        streams = [windows.stream(part, optional=part in optional) for part in self._parts.values()]
        # The time of receipt tells a loop from late messages, and is the same on every run.
        self._sync = Synchronizer(streams, pivot="left", clock=lambda: self._log_ns)
        self._log_ns, self._gaps = 0, Gaps(windows, [*self._parts.values()])
        self.count = 0

    def frames(
        self,
        decode: Callable[[Match, int], Frame],
        transforms: Callable[[Any], object] = lambda message: None,
    ) -> Iterator[Frame]:
        """Decode every complete set by `decode`, with its number; messages left out are counted in one warning.

        Args:
            decode: may raise GeoPerceptionError for bad messages.
            transforms: takes every message of /tf_static.

        Raises:
            DataError: the bag is damaged, no set is complete, or a message is bad.
        """
        static = self.static
        for recorded, message in self.messages([*self._wanted, *([static] if static else [])]):
            if recorded.topic == static:
                transforms(message)
                continue
            part, stamp = self._parts[recorded.topic.key], stamp_ns(message)
            self._log_ns = recorded.log_ns
            self._gaps.seen(part, stamp, recorded.log_ns)
            for match in self._sync.add(part, stamp, message):
                yield self._frame(match, decode)
        for match in self._sync.flush():
            yield self._frame(match, decode)
        self._report()

    @property
    def static(self) -> TopicMetadata | None:
        """The topic of static transforms."""
        return self.bag.find(self.topics.tf_static, self.topics.types[self.topics.tf_static])

    def messages(self, topics: list[TopicMetadata]) -> Iterator[tuple[Recorded, Any]]:
        """Messages in bag order, as recorded and decoded. Raises DataError if the bag is damaged."""
        for recorded in self.bag.messages(topics):
            yield recorded, self.bag.decode(recorded)

    def _frame(self, match: Match, decode: Callable[[Match, int], Frame]) -> Frame:
        try:
            match = self._infos.completed(match)
            frame = decode(match, self.count)
            self._report_doubts(match)
        except GeoPerceptionError as error:
            raise DataError(
                f"bag {self.bag.path}, frame {self.count} at {match.stamp_ns} ns: {error}"
            ) from error
        self.count += 1
        return frame

    def _report_doubts(self, match: Match) -> None:
        """Log one warning of what is unusual about the cameras of a decoded set."""
        for part in ("left_info", "right_info"):
            info = match.get(part)
            if info is not None:
                report_doubts(f"bag {self.bag.path}: {self.topics.required[part]}", info_doubts(info))

    def _report(self) -> None:
        drops = {
            f"{self._names[part]} {reason}": number
            for part, counts in self._sync.counts.items()
            for reason, number in counts.dropped.items()
            if number
        }
        said = ", ".join(f"{name}: {number}" for name, number in drops.items())
        advice = self._gaps.advice(self._names, self._sync.counts)
        more = f"; {advice}" if advice else ""
        if not self.count:
            raise DataError(f"bag {self.bag.path} holds no complete frame ({said or 'no messages'}){more}")
        if drops:
            logger.warning(
                "bag %s: messages left out of %d frames: %s%s", self.bag.path, self.count, said, more
            )


def wanted_topics(bag: Bag, topics: BagTopics, needs_truth: bool) -> dict[str, TopicMetadata]:
    """Part of a frame -> its topic.

    Raises:
        DataError: a topic is missing or of another type.
    """
    kinds = bag.kinds()
    truth = {"truth": topics.truth} if needs_truth or topics.truth in kinds else {}
    found = {}
    for part, name in (topics.required | truth).items():
        found[part] = bag.find(name, topics.types[name])
        if found[part] is None and name in kinds:
            raise DataError(
                f"bag {bag.path}: {name} is {_said(bag, name)}, only {topics.types[name]} in {CDR} is read"
                + compressed_hint(bag.path, kinds)
            )
    missing = sorted(
        {topics.required.get(part, topics.truth) for part, topic in found.items() if topic is None}
    )
    if missing:
        there = ", ".join(sorted(kinds)) or "no topics"
        hint = compressed_hint(bag.path, kinds)
        raise DataError(f"bag {bag.path} lacks {', '.join(missing)}; it has {there}{_inputs(kinds)}{hint}")
    return {part: topic for part, topic in found.items() if topic is not None}


def _inputs(kinds: Mapping[str, str]) -> str:
    """Describe the node that the bag is for, where it has all inputs of one."""
    found = recognised(kinds)
    whole = found is not None and set(found[1].required.values()) <= kinds.keys()
    return f", the inputs of {found[0]}: {', '.join(found[1].required.values())}" if found and whole else ""


def _said(bag: Bag, name: str) -> str:
    found = (topic for topic in bag.topics if topic.name == name)
    return " and ".join(f"{one.type or 'without type'}{_foreign(one.encoding)}" for one in found)


def _foreign(encoding: str) -> str:
    return "" if encoding == CDR else f" in {encoding or 'no encoding'}"


@contextmanager
def matched_messages(
    path: str | Path, topics: BagTopics, windows: MatchWindows, *, needs_truth: bool = False
) -> Iterator[MatchedMessages]:
    """Open a bag's sets by its path, and close it in the end; without `needs_truth`, sets may lack true depth.

    Raises:
        DataError: as `open_bag` does, or a topic is missing or of another type.
    """
    with open_bag(path) as bag:
        yield MatchedMessages(bag, topics, windows, needs_truth)
