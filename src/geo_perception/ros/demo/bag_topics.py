# SPDX-License-Identifier: Apache-2.0
"""Which topics of a bag are the camera's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from geo_perception.errors import ConfigError, DataError
from geo_perception.ros.bags import CAMERA_TOPICS, DEFAULT_TOPICS, BagTopics
from geo_perception.ros.bags.layout import CAMERA_INFO, IMAGE, compressed_hint
from geo_perception.ros.bags.opening import open_bag
from geo_perception.ros.bags.storage import CDR

DEPTH_ENCODINGS = ("32FC1", "16UC1")


def camera_topics(path: Path, arguments: Mapping[str, str]) -> BagTopics:
    """The topics of the camera to take; `left_info` is empty where it has no CameraInfo.

    Args:
        path: of the bag.
        arguments: of the graph; `image` and `camera_info` decide.

    Raises:
        DataError: not a bag, or it has no such topic, or no image at all.
        ConfigError: several cameras, and none was named.
    """
    kinds, images = _contents(path)
    image = _image(path, kinds, images, arguments.get("image", ""))
    wanted = arguments.get("camera_info", "")
    info = _absolute(wanted) if wanted else f"{image.rpartition('/')[0]}/camera_info"
    if kinds.get(info) != CAMERA_INFO:
        if wanted:
            raise DataError(f"bag {path} has no CameraInfo on {info}; it has {_said(kinds, CAMERA_INFO)}")
        info = ""
    return replace(CAMERA_TOPICS, left=image, left_info=info)


def _contents(path: Path) -> tuple[dict[str, str], list[str]]:
    """Topic -> type of all that were recorded, and those with images that are not depth."""
    with open_bag(path) as bag:
        filled = [topic for topic in bag.topics if topic.count and topic.encoding == CDR]
        images = []
        for topic in (one for one in filled if one.type == IMAGE):
            first = next(bag.messages([topic]), None)
            if first is not None and bag.decode(first).encoding not in DEPTH_ENCODINGS:
                images.append(topic.name)
    return {topic.name: topic.type for topic in filled}, sorted(images)


def _image(path: Path, kinds: Mapping[str, str], images: list[str], wanted: str) -> str:
    if wanted:
        if _absolute(wanted) not in images:
            raise DataError(
                f"bag {path} has no images on {_absolute(wanted)}; it has {', '.join(images) or 'none'}"
            )
        return _absolute(wanted)
    if DEFAULT_TOPICS.left in images and DEFAULT_TOPICS.right in images:
        return DEFAULT_TOPICS.left  # of a stereo pair as this package writes it
    if not images:
        raise DataError(f"bag {path} has no images of type {IMAGE}{compressed_hint(path, kinds)}")
    if len(images) > 1:
        raise ConfigError(
            f"bag {path} has images of several cameras; name one: image:={' or image:='.join(images)}"
        )
    return images[0]


def _absolute(topic: str) -> str:
    return f"/{topic.lstrip('/')}"


def _said(kinds: Mapping[str, str], kind: str) -> str:
    return ", ".join(topic for topic, its in sorted(kinds.items()) if its == kind) or "none"
