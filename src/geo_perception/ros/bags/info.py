# SPDX-License-Identifier: Apache-2.0
"""Summary of a bag's contents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from geo_perception.ros.bags.infrequent import INFOS, infrequent
from geo_perception.ros.bags.layout import DEFAULT_TOPICS, BagTopics
from geo_perception.ros.bags.opening import open_bag
from geo_perception.ros.bags.recognition import recognised
from geo_perception.ros.bags.storage import CDR, TopicMetadata


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
    missing: tuple[str, ...]  # topics that the node needs and the bag lacks
    frames: int  # an upper bound: the rarest of the required topics
    has_truth: bool
    infrequent_infos: tuple[str, ...] = ()  # CameraInfo that counts for many images
    node: str = ""  # node whose inputs the bag has; empty: topics were given, or it has none of any node's

    def lines(self) -> list[str]:
        """Format as text, one fact a line."""
        width = max([len(topic.name) for topic in self.topics], default=0)
        rows = [
            f"bag       {self.path} ({self.size_bytes / 1e6:.1f} MB)",
            f"duration  {self.duration_s:.3f} s from {self.start_ns / 1e9:.9f}",
            f"frames    {self.frames}, {'with' if self.has_truth else 'without'} ground truth"
            + (f", for {self.node}" if self.node else ""),
        ]
        rows += [f"missing   {', '.join(self.missing)}"] if self.missing else []
        said = "one message counts for many images"
        rows += [f"{said}: {', '.join(self.infrequent_infos)}"] if self.infrequent_infos else []
        for topic in self.topics:
            latched = "  latched" if topic.latched else ""
            rows.append(f"  {topic.name:<{width}}  {topic.count:>6}  {topic.type}{latched}")
        return rows


def bag_info(path: str | Path, topics: BagTopics | None = None) -> BagInfo:
    """Describe a bag folder, or a single .mcap or .db3 file.

    Args:
        path: path of the bag.
        topics: topics to look for; None: those of the node whose inputs the bag has.

    Raises:
        DataError: not a bag, or damaged.
    """
    with open_bag(path) as bag:
        node = ""
        if topics is None:
            node, topics = recognised(bag.kinds()) or ("", DEFAULT_TOPICS)
        rows = tuple(_topic(topic) for topic in bag.topics)
        found = {part: bag.find(name, topics.types[name]) for part, name in topics.required.items()}
        truth = bag.find(topics.truth, topics.types[topics.truth])
        first_ns, last_ns = bag.span_ns or (0, 0)
        return BagInfo(
            bag.path,
            _size(bag.path),
            first_ns,
            (last_ns - first_ns) / 1e9,
            rows,
            tuple(topics.required[part] for part, topic in found.items() if topic is None),
            frames_at_most(found),
            truth is not None and truth.count > 0,
            _infrequent(found),
            node,
        )


def frames_at_most(found: Mapping[str, TopicMetadata | None]) -> int:
    """The rarest of the parts, but CameraInfo where one counts for many images."""
    counts = {part: topic.count if topic else 0 for part, topic in found.items()}
    for part, images in INFOS.items():
        if infrequent(counts.get(part, 0), counts.get(images, 0)):
            counts[part] = counts[images]
    return min(counts.values())


def _infrequent(found: Mapping[str, TopicMetadata | None]) -> tuple[str, ...]:
    pairs = [(found.get(part), found.get(images)) for part, images in INFOS.items()]
    return tuple(one.name for one, images in pairs if one and images and infrequent(one.count, images.count))


def _topic(topic: TopicMetadata) -> TopicInfo:
    encoding = "" if topic.encoding == CDR else f" in {topic.encoding or 'no encoding'}"
    return TopicInfo(topic.name, f"{topic.type or 'no type'}{encoding}", topic.count, topic.latched)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
