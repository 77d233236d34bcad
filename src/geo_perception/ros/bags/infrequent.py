# SPDX-License-Identifier: Apache-2.0
"""Infrequent CameraInfo: recorded once, or at a lower rate than the images it belongs to."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from geo_perception.ros.bags.opening import Bag
from geo_perception.ros.bags.storage import TopicMetadata
from geo_perception.ros.conversions import stamp_ns
from geo_perception.sync import Match

INFOS = {"left_info": "left", "right_info": "right"}  # input -> the images that it describes
INFREQUENT_SHARE = 0.5  # share of the images; above it, missing CameraInfos count as lost

logger = logging.getLogger(__name__)


def infrequent(infos: int, images: int) -> bool:
    """Return whether there are so few CameraInfos that one is meant to count for many images."""
    return 0 < infos < INFREQUENT_SHARE * images


class InfrequentInfos:
    """CameraInfos of infrequent topics; each counts from its stamp on, the first one before it, too."""

    def __init__(self, bag: Bag, topics: Mapping[str, TopicMetadata]) -> None:
        """Reads them all. Raises DataError if the bag is damaged."""
        self.parts = [
            part
            for part, images in INFOS.items()
            if part in topics and infrequent(topics[part].count, topics[images].count)
        ]
        chosen = [topics[part] for part in self.parts]
        names = {topics[part].key: part for part in self.parts}
        self._known: dict[str, list[tuple[int, Any]]] = {part: [] for part in self.parts}
        for recorded in bag.messages(chosen):
            message = bag.decode(recorded)
            self._known[names[recorded.topic.key]].append((stamp_ns(message), message))
        for part in self.parts:
            self._known[part].sort(key=lambda pair: pair[0])
            said = "bag %s: %s has %d messages for %d images; of them, the newest before an image counts"
            images = topics[INFOS[part]].count
            logger.warning(said, bag.path, topics[part].name, topics[part].count, images)

    def completed(self, match: Match) -> Match:
        """Return the set with the CameraInfos that count at its time."""
        if not self.parts:
            return match
        found = {part: self._at(part, match.stamp_ns) for part in self.parts}
        return replace(match, items={**match.items, **found})

    def _at(self, part: str, when_ns: int) -> Any:
        known = self._known[part]
        index = bisect_right([stamp for stamp, _ in known], when_ns)
        return known[max(0, index - 1)][1]
