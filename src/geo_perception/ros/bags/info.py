# SPDX-License-Identifier: Apache-2.0
"""What a bag holds, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geo_perception.ros.bags.layout import DEFAULT_TOPICS, BagTopics, open_reader


@dataclass(frozen=True)
class TopicInfo:
    """One topic of a bag."""

    name: str
    type: str
    count: int
    latched: bool  # offered as transient local


@dataclass(frozen=True)
class BagInfo:
    """Contents of a bag, without reading its messages."""

    path: Path
    size_bytes: int
    start_ns: int
    duration_s: float
    topics: tuple[TopicInfo, ...]
    missing: tuple[str, ...]  # topics that the fusion needs and the bag lacks
    frames: int  # an upper bound: the rarest of the required topics
    has_truth: bool

    def lines(self) -> list[str]:
        """The same as text, one fact a line."""
        width = max([len(topic.name) for topic in self.topics], default=0)
        rows = [
            f"bag       {self.path} ({self.size_bytes / 1e6:.1f} MB)",
            f"duration  {self.duration_s:.3f} s from {self.start_ns / 1e9:.9f}",
            f"frames    {self.frames}, {'with' if self.has_truth else 'without'} ground truth",
        ]
        rows += [f"missing   {', '.join(self.missing)}"] if self.missing else []
        for topic in self.topics:
            latched = "  latched" if topic.latched else ""
            rows.append(f"  {topic.name:<{width}}  {topic.count:>6}  {topic.type}{latched}")
        return rows


def bag_info(path: str | Path, topics: BagTopics = DEFAULT_TOPICS) -> BagInfo:
    """Describe a bag folder, or a single .mcap or .db3 file.

    Raises:
        DataError: not a bag, or damaged.
    """
    path = Path(path)
    reader = open_reader(path)
    try:
        rows = tuple(_topic(connection) for connection in sorted(reader.connections, key=lambda c: c.topic))
        count = {row.name: row.count for row in rows}
        required = topics.required.values()
        return BagInfo(
            path,
            _size(path),
            reader.start_time if reader.message_count else 0,
            max(0, reader.duration - 1) / 1e9,  # the library counts up to after the last message
            rows,
            tuple(name for name in required if name not in count),
            min(count.get(name, 0) for name in required),
            count.get(topics.truth, 0) > 0,
        )
    finally:
        reader.close()


def _topic(
    connection: Any,
) -> TopicInfo:  # rosbags has a kind per bag format
    from rosbags.interfaces import QosDurability

    profiles = connection.ext.offered_qos_profiles
    latched = any(profile.durability == QosDurability.TRANSIENT_LOCAL for profile in profiles)
    return TopicInfo(connection.topic, connection.msgtype, connection.msgcount, latched)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
