# SPDX-License-Identifier: Apache-2.0
"""Discovery of a camera's topics in a bag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from geo_perception.errors import ConfigError, DataError
from geo_perception.ros.bags import CAMERA_TOPICS, DEFAULT_TOPICS, BagTopics
from geo_perception.ros.bags.camera_data import DEPTH_ENCODINGS, image_topics
from geo_perception.ros.bags.layout import CAMERA_INFO, IMAGE, compressed_hint


def camera_topics(path: Path, arguments: Mapping[str, str], naming: str = "image:={}") -> BagTopics:
    """Find the topics of the camera to use; `left_info` is empty where it has no CameraInfo.

    Args:
        path: path of the bag.
        arguments: arguments of the graph; `image` and `camera_info` decide.
        naming: how a user names an image topic {}, for the error where there are several.

    Raises:
        DataError: not a bag, or it has no such topic, or no image at all.
        ConfigError: several cameras, and none was named.
    """
    kinds, encodings = image_topics(path)
    images = sorted(topic for topic, encoding in encodings.items() if encoding not in DEPTH_ENCODINGS)
    image = _image(path, kinds, images, arguments.get("image", ""), naming)
    wanted = arguments.get("camera_info", "")
    info = _absolute(wanted) if wanted else f"{image.rpartition('/')[0]}/camera_info"
    if kinds.get(info) != CAMERA_INFO:
        if wanted:
            raise DataError(f"bag {path} has no CameraInfo on {info}; it has {_said(kinds, CAMERA_INFO)}")
        info = ""
    return replace(CAMERA_TOPICS, left=image, left_info=info)


def _image(path: Path, kinds: Mapping[str, str], images: list[str], wanted: str, naming: str) -> str:
    if wanted:
        if _absolute(wanted) not in images:
            raise DataError(
                f"bag {path} has no images on {_absolute(wanted)}; it has {', '.join(images) or 'none'}"
            )
        return _absolute(wanted)
    if DEFAULT_TOPICS.left in images and DEFAULT_TOPICS.right in images:
        return DEFAULT_TOPICS.left  # a stereo pair as this package writes it
    if not images:
        raise DataError(f"bag {path} has no images of type {IMAGE}{compressed_hint(path, kinds)}")
    if len(images) > 1:
        raise ConfigError(
            f"bag {path} has images of several cameras; name one: {' or '.join(map(naming.format, images))}"
        )
    return images[0]


def _absolute(topic: str) -> str:
    return f"/{topic.lstrip('/')}"


def _said(kinds: Mapping[str, str], kind: str) -> str:
    return ", ".join(topic for topic, its in sorted(kinds.items()) if its == kind) or "none"
