# SPDX-License-Identifier: Apache-2.0
"""Options of `geo-perception eval` for reading bags."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import ConfigError, DataError

if TYPE_CHECKING:
    from geo_perception.cli.eval import EvalRequest
    from geo_perception.ros.bags import BagTopics, CameraBag, MatchWindows


def is_bag_data(request: EvalRequest) -> bool:
    """Return whether the data are a bag.

    Raises:
        DataError: they do not exist.
        ConfigError: they are no bag, and options of bags are given.
    """
    from geo_perception.ros.bags import is_bag

    if not request.data.exists():
        raise DataError(f"data {request.data} does not exist")
    found = is_bag(request.data)
    given = [f"--{name.replace('_', '-')}" for name in request.bag] + ["--remap"] * bool(request.remap)
    if given and not found:
        raise ConfigError(f"{', '.join(given)} say how a bag is read, {request.data} is none")
    return found


def read_as(request: EvalRequest) -> dict[str, Any]:
    """Collect the options that decide how the data are read, for the record; plain values."""
    if not is_bag_data(request):
        return {}
    return {**asdict(windows_of(request)), **request.bag, "remap": list(request.remap)}


def windows_of(request: EvalRequest) -> MatchWindows:
    """Parse windows and offsets. Raises ConfigError for invalid values."""
    from geo_perception.ros.bags import MatchWindows

    return MatchWindows.named(request.bag)


def topics_of(request: EvalRequest, topics: BagTopics) -> BagTopics:
    """Apply remappings to the topics.

    Raises:
        ConfigError: an unknown topic, or one that is mapped twice.
    """
    for before, after in map(renaming, request.remap):
        parts = {part: name for part, name in asdict(topics).items() if name == after}
        if not parts:
            known = ", ".join(filter(None, asdict(topics).values()))
            raise ConfigError(f"remap {before}:={after}: only these topics are read: {known}")
        topics = replace(topics, **dict.fromkeys(parts, before))
    named = [name for name in asdict(topics).values() if name]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"remap takes {twice} for several inputs; each needs a topic of its own")
    return topics


def renaming(text: str) -> tuple[str, str]:
    """Parse FROM:=TO to both names, absolute. Raises ConfigError for any other form."""
    before, separator, after = text.partition(":=")
    if not (separator and before.strip("/") and after.strip("/")):
        raise ConfigError(f"remap must be FROM:=TO, got {text!r}")
    return f"/{before.strip('/')}", f"/{after.strip('/')}"


def pose_of(request: EvalRequest) -> NDArray[np.float64] | None:
    """Parse the lidar's pose, 4x4; None: /tf_static has it. Raises ConfigError for an invalid one."""
    from geo_perception.ros.conversions.extrinsics import matrix_from_text

    return matrix_from_text(request.bag.get("camera_from_lidar", ""))


def camera_bag(request: EvalRequest) -> CameraBag:
    """Open the images of one camera: the remapped one, the left one of a pair, or the only one.

    Raises:
        DataError: no bag, or a topic is missing.
        ConfigError: several cameras and none is named, or invalid values.
    """
    from geo_perception.ros.bags import CAMERA_TOPICS, CameraBag
    from geo_perception.ros.live_eval.topic_discovery import camera_topics

    wanted = topics_of(request, CAMERA_TOPICS)
    named = {"image": wanted.left, "camera_info": wanted.left_info}
    changed = {name: topic for name, topic in named.items() if topic not in asdict(CAMERA_TOPICS).values()}
    found = camera_topics(request.data, changed, f"--remap {{}}:={CAMERA_TOPICS.left}")
    if not found.left_info:
        cure = f"name it: --remap TOPIC:={CAMERA_TOPICS.left_info}"
        raise DataError(f"bag {request.data} has no CameraInfo beside {found.left}; {cure}")
    topics = replace(found, truth=wanted.truth)
    return CameraBag(request.data, topics, windows_of(request), request.limit)
