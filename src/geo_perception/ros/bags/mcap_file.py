# SPDX-License-Identifier: Apache-2.0
"""Reader of MCAP files by their index, or from end to end where they have none, as those of killed recorders."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from mcap.reader import SeekingReader
from mcap.records import Channel, Message, Schema
from mcap.summary import Summary

from geo_perception.ros.bags.mcap_records import MAGIC, CutOffError, records
from geo_perception.ros.bags.storage import Recorded, TopicMetadata, merged

QOS = "offered_qos_profiles"  # in the metadata of a channel

logger = logging.getLogger(__name__)


class McapFile:
    """`Storage` of an MCAP file."""

    def __init__(self, path: Path) -> None:
        """Open a file. Raises exceptions of many kinds for one that is damaged or no MCAP."""
        self.path, self.cut_off = path, ""
        self.span_ns: tuple[int, int] | None = None
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, Channel] = {}
        self._counts: Counter[int] = Counter()
        self._file = path.open("rb")
        try:
            summary = self._summary()
            self._indexed = bool(summary and summary.chunk_indexes)
            if summary is None:
                self._scan()
            else:
                self._take(summary)
        except BaseException:
            self.close()
            raise

    @property
    def topics(self) -> list[TopicMetadata]:
        """The channels of the file, as topics."""
        return merged(map(self._topic, self._channels))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def messages(self, wanted: Collection[tuple[str, str, str]]) -> Iterator[Recorded]:
        """Yield messages by time where the file has an index, else in the file's order."""
        topics = {number: self._topic(number) for number in self._channels}
        chosen = {number: topic for number, topic in topics.items() if topic.key in wanted}
        for one in self._by_index(chosen) if self._indexed else self._by_order():
            if one.channel_id in chosen:
                yield Recorded(chosen[one.channel_id], one.log_time, one.data)

    def _by_index(self, chosen: dict[int, TopicMetadata]) -> Iterator[Message]:
        names = {topic.name for topic in chosen.values()}
        return (one for _, _, one in self._reader().iter_messages(topics=names))

    def _by_order(self) -> Iterator[Message]:
        try:
            yield from (one for one in records(self._file, payload=True) if isinstance(one, Message))
        except CutOffError:
            return  # what is missing was noted when the file was opened

    def _topic(self, number: int) -> TopicMetadata:
        channel = self._channels[number]
        schema = self._schemas.get(channel.schema_id)
        return TopicMetadata(
            channel.topic,
            schema.name if schema else "",
            channel.message_encoding,
            self._counts[number],
            channel.metadata.get(QOS, ""),
            schema.data.decode(errors="replace") if schema and schema.encoding.startswith("ros2") else "",
        )

    def _summary(self) -> Summary | None:
        """Read the index; None where there is none, or an incomplete one."""
        if self._file.read(len(MAGIC)) != MAGIC:
            raise ValueError("it does not begin as an MCAP file does")
        self._file.seek(-len(MAGIC), 2)
        if self._file.read() != MAGIC:
            return None
        try:
            summary = self._reader().get_summary()
        except Exception as error:  # of any kind: the library takes the bytes' structure for granted
            said = error or type(error).__name__
            logger.warning("%s: its index is damaged (%s), it is read from end to end", self.path, said)
            return None
        return summary if summary and _complete(summary) else None

    def _reader(self) -> SeekingReader:
        self._file.seek(0)  # the reader expects the magic bytes here
        return SeekingReader(self._file, validate_crcs=True)

    def _take(self, summary: Summary) -> None:
        self._schemas, self._channels, statistics = (
            summary.schemas,
            summary.channels,
            summary.statistics,
        )
        assert statistics is not None
        self._counts.update(statistics.channel_message_counts)
        if statistics.message_count:
            self.span_ns = statistics.message_start_time, statistics.message_end_time

    def _scan(self) -> None:
        try:
            for one in records(self._file, payload=False):
                self._note(one)
        except CutOffError as error:
            self.cut_off = str(error)

    def _note(self, record: object) -> None:
        if isinstance(record, Schema):
            self._schemas[record.id] = record
        elif isinstance(record, Channel):
            self._channels[record.id] = record
        elif isinstance(record, Message):
            self._counts[record.channel_id] += 1
            first, last = self.span_ns or (record.log_time, record.log_time)
            self.span_ns = min(first, record.log_time), max(last, record.log_time)


def _complete(summary: Summary) -> bool:
    """Return whether the index assigns every message to a channel."""
    known = all(one.schema_id in {0, *summary.schemas} for one in summary.channels.values())
    return known and bool(summary.channels) and summary.statistics is not None
