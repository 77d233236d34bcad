# SPDX-License-Identifier: Apache-2.0
"""Common interface of a bag's files, whatever their format."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

logger = logging.getLogger(__name__)

CDR = "cdr"
LATCHED = re.compile(
    r"durability['\"]?\s*:\s*['\"]?(1\b|transient_local)", re.IGNORECASE
)  # rosbag2 writes either
TF_STATIC = "tf_static"  # last part of the name of a topic that is latched by definition


@dataclass(frozen=True)
class TopicMetadata:
    """One topic of a bag; recorders of several publishers may note it more than once."""

    name: str
    type: str  # such as sensor_msgs/msg/Image
    encoding: str = CDR  # of its messages
    count: int = 0
    qos: str = ""  # offered quality of service, YAML as the recorder wrote it
    definition: str = ""  # of the type, text as the recorder wrote it; empty: not recorded
    offered_latched: bool = False  # as metadata.yaml says

    @property
    def key(self) -> tuple[str, str, str]:
        """Key that is equal for the same topic, whatever its recorded quality of service."""
        return self.name, self.type, self.encoding

    @property
    def qos_profiles(self) -> list[Any]:
        """Parse `qos` to objects of `rosbags`; empty where it is not what rosbag2 writes."""
        from rosbags.rosbag2.metadata import parse_qos

        try:
            return list(parse_qos(self.qos))
        except Exception as error:  # of any kind: the library takes the text's structure for granted
            logger.debug("quality of service of %s is not read: %s", self.name, error)
            return []

    @property
    def latched(self) -> bool:
        """True if the topic is offered as transient local."""
        named = self.name.rpartition("/")[2] == TF_STATIC
        return named or self.offered_latched or LATCHED.search(self.qos) is not None


class Recorded(NamedTuple):
    """A message as stored in the bag."""

    topic: TopicMetadata
    log_ns: int  # when it was received
    data: bytes


class Storage(Protocol):
    """Interface of an open file of a bag."""

    @property
    def path(self) -> Path: ...
    @property
    def topics(self) -> list[TopicMetadata]: ...
    @property
    def span_ns(self) -> tuple[int, int] | None:
        """Times of the first and the last message; None: there is no message."""
        ...

    @property
    def cut_off(self) -> str:
        """Description of where the file is cut off; empty: it is complete."""
        ...

    def messages(self, wanted: Collection[tuple[str, str, str]]) -> Iterator[Recorded]:
        """Yield the messages of topics with these keys, in the order of recording. Any exception means damage."""
        ...

    def close(self) -> None: ...


def merged(topics: Iterable[TopicMetadata]) -> list[TopicMetadata]:
    """One entry per key, counts summed up, the first quality of service and definition that is not empty."""
    found: dict[tuple[str, str, str], TopicMetadata] = {}
    for topic in topics:
        known = found.setdefault(topic.key, replace(topic, count=0))
        found[topic.key] = replace(
            known,
            count=known.count + topic.count,
            qos=known.qos or topic.qos,
            definition=known.definition or topic.definition,
        )
    return sorted(found.values(), key=lambda topic: topic.key)
