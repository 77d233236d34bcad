# SPDX-License-Identifier: Apache-2.0
"""Reads bags back as frames, in bag order."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import DataError, GeoPerceptionError
from geo_perception.frames import StereoLidarFrame
from geo_perception.geometry import StereoRig
from geo_perception.ros.bags.layout import DEFAULT_TOPICS, BagTopics, open_reader, typestore
from geo_perception.ros.conversions import (
    StaticTransforms,
    decode_depth,
    decode_points,
    decode_rgb,
    rig_from_infos,
    stamp_ns,
)
from geo_perception.sync import Match, Stream, Synchronizer

Matrix = NDArray[np.float64]

logger = logging.getLogger(__name__)


def read_bag(
    path: str | Path,
    topics: BagTopics = DEFAULT_TOPICS,
    *,
    window_s: float = 0.0,
    camera_from_lidar: Matrix | None = None,
) -> Iterator[StereoLidarFrame]:
    """The frames of a bag; messages that find no partners are counted in one warning at the end.

    Args:
        path: bag folder, or a single .mcap or .db3 file.
        topics: where the parts of a frame are.
        window_s: largest difference between the header stamps of a frame's parts; 0 = equal stamps.
        camera_from_lidar: 4x4, used instead of /tf_static.

    Raises:
        DataError: not a bag, damaged, a topic or transform is missing, no frame is complete, or a message is bad.
    """
    reader = open_reader(path)
    try:
        yield from _Assembler(path, reader, topics, window_s, camera_from_lidar).frames()
    finally:
        reader.close()


class _Assembler:
    """Messages of an open reader to frames."""

    def __init__(
        self, path: str | Path, reader: Any, topics: BagTopics, window_s: float, extrinsics: Matrix | None
    ) -> None:
        self.path, self.reader, self.topics, self.extrinsics = path, reader, topics, extrinsics
        self.store, self.transforms = typestore(), StaticTransforms()
        self.parts = {topic: part for part, topic in self._wanted().items()}
        streams = [Stream(part, window_s, optional=part == "truth") for part in self.parts.values()]
        self.sync = Synchronizer(streams, pivot="left")
        self.count = 0
        self._rig: tuple[tuple[Any, ...], StereoRig] | None = None

    def _wanted(self) -> dict[str, str]:
        there = {connection.topic for connection in self.reader.connections}
        required = self.topics.required
        missing = sorted(set(required.values()) - there)
        if missing:
            raise DataError(
                f"bag {self.path} lacks {', '.join(missing)}; it has {', '.join(sorted(there)) or 'no topics'}"
            )
        return required | ({"truth": self.topics.truth} if self.topics.truth in there else {})

    def frames(self) -> Iterator[StereoLidarFrame]:
        """Every complete frame; see `read_bag`."""
        self._prime_transforms()
        for topic, message in self._messages((*self.parts, self.topics.tf_static)):
            if topic == self.topics.tf_static:
                self.transforms.add(message)
            else:
                matches = self.sync.add(self.parts[topic], stamp_ns(message), message)
                yield from map(self._frame, matches)
        yield from map(self._frame, self.sync.flush())
        self._report()

    def _prime_transforms(self) -> None:
        """Start with the first transform of each frame: recorders often log /tf_static after the first image."""
        if any(connection.topic == self.topics.tf_static for connection in self.reader.connections):
            for _, message in reversed(list(self._messages((self.topics.tf_static,)))):
                self.transforms.add(message)

    def _messages(self, topics: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        from rosbags.rosbag2 import ReaderError

        wanted = [connection for connection in self.reader.connections if connection.topic in topics]
        try:
            for connection, _, data in self.reader.messages(wanted):
                yield connection.topic, self.store.deserialize_cdr(data, connection.msgtype)
        except GeoPerceptionError:
            raise
        except (ReaderError, OSError, ValueError, AssertionError, KeyError, IndexError) as error:
            raise DataError(f"bag {self.path} is damaged: {error or type(error).__name__}") from error

    def _frame(self, match: Match) -> StereoLidarFrame:
        try:
            frame = self._decoded(match)
        except GeoPerceptionError as error:
            raise DataError(f"bag {self.path}, frame {self.count} at {match.stamp_ns} ns: {error}") from error
        self.count += 1
        return frame

    def _decoded(self, match: Match) -> StereoLidarFrame:
        left, points, truth = match["left"], match["points"], match.get("truth")
        rig = self._rig_of(match["left_info"], match["right_info"])
        images = {side: decode_rgb(match[side]) for side in ("left", "right")}
        depth_m = None if truth is None else decode_depth(truth)
        for name, image in {**images, "truth": depth_m}.items():
            if image is not None and image.shape[:2] != rig.left.size:
                raise DataError(f"{name} image is {image.shape[:2]}, CameraInfo says {rig.left.size}")
        return StereoLidarFrame(
            f"{self.count:06d}",
            match.stamp_ns,
            images["left"],
            images["right"],
            decode_points(points),
            rig,
            self._camera_from_lidar(left.header.frame_id, points.header.frame_id),
            depth_m,
        )

    def _rig_of(self, left: Any, right: Any) -> StereoRig:
        """One object while the calibration stays, because a camera caches its rays."""
        key = (left.width, left.height, *left.p.tolist(), *right.p.tolist())
        if self._rig is None or self._rig[0] != key:
            self._rig = (key, rig_from_infos(left, right))
        return self._rig[1]

    def _camera_from_lidar(self, camera: str, lidar: str) -> Matrix:
        return self.transforms.lookup(camera, lidar) if self.extrinsics is None else self.extrinsics

    def _report(self) -> None:
        drops = {
            f"{self.topics.required.get(part, self.topics.truth)} {reason}": number
            for part, counts in self.sync.counts.items()
            for reason, number in counts.dropped.items()
            if number
        }
        said = ", ".join(f"{name}: {number}" for name, number in drops.items())
        if not self.count:
            raise DataError(f"bag {self.path} holds no complete frame ({said or 'no messages'})")
        if drops:
            logger.warning("bag %s: messages left out of %d frames: %s", self.path, self.count, said)
