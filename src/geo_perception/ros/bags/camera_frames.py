# SPDX-License-Identifier: Apache-2.0
"""Images of one camera or of a stereo pair out of any bag, with depth where it was recorded; no lidar is asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geo_perception.datasets.indoor.recording import RecordedFrame
from geo_perception.errors import DataError, GeoPerceptionError
from geo_perception.ros.bags.layout import CAMERA_INFO, IMAGE, open_reader, typestore
from geo_perception.ros.conversions import (
    camera_from_info,
    decode_depth,
    decode_rgb,
    rig_from_infos,
    stamp_ns,
)
from geo_perception.sync import Match, Stream, Synchronizer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CameraTopics:
    """Rectified images and their calibration; an empty name means there is none."""

    left: str = "/left/image_rect"
    left_info: str = "/left/camera_info"
    right: str = "/right/image_rect"  # empty: one camera
    right_info: str = "/right/camera_info"
    depth: str = ""  # of the left camera, 32FC1 metres or 16UC1 millimetres, registered to its image

    def parts(self) -> dict[str, tuple[str, str]]:
        """Part of a frame -> topic and message type."""
        kinds = {"left": IMAGE, "left_info": CAMERA_INFO, "depth": IMAGE}
        if self.right:
            kinds |= {"right": IMAGE, "right_info": CAMERA_INFO}
        return {part: (getattr(self, part), kind) for part, kind in kinds.items() if getattr(self, part)}


def read_cameras(
    path: str | Path, topics: CameraTopics = CameraTopics(), window_s: float = 0.01
) -> Iterator[RecordedFrame]:
    """The frames of a bag in its order; images without their partners are counted in one warning at the end.

    Args:
        path: bag folder, or a single .mcap or .db3 file.
        topics: where the parts of a frame are.
        window_s: largest difference between the header stamps of a frame's parts.

    Raises:
        DataError: not a bag, damaged, a topic is missing or of another type, no frame is complete, or a message is bad.
    """
    reader = open_reader(path)
    try:
        wanted = _connections(path, reader, topics)
        streams = [Stream(part, window_s) for part in wanted.values()]
        sync, count = Synchronizer(streams, pivot="left"), 0
        for topic, message in _messages(path, reader, wanted):
            for match in sync.add(wanted[topic], stamp_ns(message), message):
                count += 1
                yield _frame(path, match)
        for match in sync.flush():
            count += 1
            yield _frame(path, match)
    finally:
        reader.close()
    lost = sum(sum(counts.dropped.values()) for counts in sync.counts.values())
    if not count:
        raise DataError(f"bag {path}: no image has its partners within {window_s} s ({lost} messages)")
    if lost:
        logger.warning("bag %s: %d messages left out of %d frames", path, lost, count)


def _connections(path: str | Path, reader: Any, topics: CameraTopics) -> dict[str, str]:
    """Topic -> part."""
    there = {connection.topic: connection.msgtype for connection in reader.connections}
    for topic, kind in topics.parts().values():
        if topic not in there:
            raise DataError(f"bag {path} lacks {topic}; it has {', '.join(sorted(there)) or 'no topics'}")
        if there[topic] != kind:
            raise DataError(f"bag {path}: {topic} is {there[topic]}, only {kind} is read")
    return {topic: part for part, (topic, _) in topics.parts().items()}


def _messages(path: str | Path, reader: Any, wanted: dict[str, str]) -> Iterator[tuple[str, Any]]:
    from rosbags.rosbag2 import ReaderError

    store = typestore()
    connections = [connection for connection in reader.connections if connection.topic in wanted]
    try:
        for connection, _, data in reader.messages(connections):
            yield connection.topic, store.deserialize_cdr(data, connection.msgtype)
    except (ReaderError, OSError, ValueError, AssertionError, KeyError, IndexError) as error:
        raise DataError(f"bag {path} is damaged: {error or type(error).__name__}") from error


def _frame(path: str | Path, match: Match) -> RecordedFrame:
    try:
        return _decoded(match)
    except GeoPerceptionError as error:
        raise DataError(f"bag {path}, frame at {match.stamp_ns} ns: {error}") from error


def _decoded(match: Match) -> RecordedFrame:
    left = decode_rgb(match["left"])
    right, depth = match.get("right"), match.get("depth")
    if right is None:
        camera, baseline_m = camera_from_info(match["left_info"]), 0.0
    else:
        rig = rig_from_infos(match["left_info"], match["right_info"])
        camera, baseline_m = rig.left, rig.baseline_m
    images = {"left": left, "right": None if right is None else decode_rgb(right)}
    depth_m = None if depth is None else np.nan_to_num(decode_depth(depth), nan=0.0)
    for name, image in {**images, "depth": depth_m}.items():
        if image is not None and image.shape[:2] != camera.size:
            raise DataError(f"{name} image is {image.shape[:2]}, CameraInfo says {camera.size}")
    return RecordedFrame(match.stamp_ns, left, images["right"], camera, baseline_m, depth_m)
