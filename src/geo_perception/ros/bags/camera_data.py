# SPDX-License-Identifier: Apache-2.0
"""Bags of one camera with true depth as data sets for the evaluation of indoor depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from geo_perception._types import Array
from geo_perception.errors import DataError
from geo_perception.frames import RgbdFrame
from geo_perception.ros.bags.camera_reader import read_camera_bag
from geo_perception.ros.bags.info import bag_info
from geo_perception.ros.bags.layout import IMAGE, BagTopics
from geo_perception.ros.bags.opening import open_bag
from geo_perception.ros.bags.windows import MatchWindows
from geo_perception.ros.conversions import decode_depth

DEPTH_ENCODINGS = ("32FC1", "16UC1")


@dataclass(frozen=True)
class CameraBag:
    """Data set with `len` (an upper bound) and repeatable iteration over frames."""

    root: Path
    topics: BagTopics
    windows: MatchWindows
    limit: int | None = None  # number of frames, None: all
    kind = "bag"

    @property
    def registration(self) -> str:
        """Assumption about image and depth."""
        return f"depth on {self.topics.truth} is registered to the image on {self.topics.left}"

    def __len__(self) -> int:
        frames = bag_info(self.root, self.topics).frames
        return frames if self.limit is None else min(frames, self.limit)

    def __iter__(self) -> Iterator[RgbdFrame]:
        """Yield the frames. Raises DataError as `read_camera_bag` does."""
        yield from islice(read_camera_bag(self.root, self.topics, windows=self.windows), self.limit)

    def part(self, limit: int | None) -> CameraBag:
        """Return the bag limited to its first frames."""
        return replace(self, limit=limit)

    def truths(self, every: int) -> Iterator[Array]:
        """Yield every `every`-th depth map, (h, w) metres with NaN for unknown, without reading images.

        Raises:
            DataError: the bag has no depth there; names the topics where it has.
        """
        with open_bag(self.root) as bag:
            topic = bag.find(self.topics.truth, IMAGE)
            if topic is None or not topic.count:
                there = _depth_topics(self.root)
                cure = f"it has {there}: name one by --remap TOPIC:={self.topics.truth}"
                raise DataError(
                    f"bag {self.root} has no depth on {self.topics.truth} to measure against; "
                    + (cure if there else "no other topic has images of depth")
                )
            for recorded in islice(bag.messages([topic]), 0, self.limit, every):
                yield decode_depth(bag.decode(recorded))


def _depth_topics(path: Path) -> str:
    """Describe the topics whose images are depth, for an error."""
    _, images = image_topics(path)
    return ", ".join(topic for topic, encoding in images.items() if encoding in DEPTH_ENCODINGS)


def image_topics(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return topic -> type of all topics, and topic -> encoding of those with images. Raises DataError."""
    with open_bag(path) as bag:
        filled = [topic for topic in bag.topics if topic.count and bag.find(topic.name, topic.type)]
        images = {}
        for topic in (one for one in filled if one.type == IMAGE):
            first = next(bag.messages([topic]), None)
            if first is not None:
                images[topic.name] = str(bag.decode(first).encoding)
    return {topic.name: topic.type for topic in filled}, images
