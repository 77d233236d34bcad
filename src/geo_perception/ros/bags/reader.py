# SPDX-License-Identifier: Apache-2.0
"""Reader of stereo and lidar bags as frames, in bag order."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geo_perception._types import Matrix
from geo_perception.errors import DataError
from geo_perception.frames import StereoLidarFrame
from geo_perception.geometry import StereoRig, require_returns
from geo_perception.ros.bags.layout import DEFAULT_TOPICS, BagTopics
from geo_perception.ros.bags.matching import MatchedMessages, matched_messages
from geo_perception.ros.bags.windows import MatchWindows
from geo_perception.ros.conversions import (
    StaticTransforms,
    decode_depth,
    decode_points,
    decode_rgb,
    rig_from_infos,
)
from geo_perception.sync import Match

logger = logging.getLogger(__name__)


def read_bag(
    path: str | Path,
    topics: BagTopics = DEFAULT_TOPICS,
    *,
    windows: MatchWindows | None = None,
    camera_from_lidar: Matrix | None = None,
) -> Iterator[StereoLidarFrame]:
    """Read the frames of a bag; messages that find no partners are counted in one warning at the end.

    Args:
        path: bag folder, or a single .mcap or .db3 file.
        topics: topics of a frame's messages.
        windows: how far apart the header stamps of a frame's messages may be; None: as the node allows.
        camera_from_lidar: 4x4, used instead of /tf_static.

    Raises:
        DataError: not a bag, damaged, a topic or transform is missing, no frame is complete, or a message is bad.
    """
    with matched_messages(path, topics, windows or MatchWindows()) as matched:
        yield from _StereoLidar(matched, camera_from_lidar).frames()


class _StereoLidar:
    """Decoder of sets of messages to frames."""

    def __init__(self, matched: MatchedMessages, extrinsics: Matrix | None) -> None:
        self._matched, self._extrinsics, self._transforms = matched, extrinsics, StaticTransforms()
        self._rig: tuple[tuple[Any, ...], StereoRig] | None = None

    def frames(self) -> Iterator[StereoLidarFrame]:
        """Yield every complete frame; see `read_bag`."""
        self._prime_transforms()
        yield from self._matched.frames(self._decoded, self._transforms.add)

    def _prime_transforms(self) -> None:
        """Start with the first transform of each frame: recorders often log /tf_static after the first image."""
        static = self._matched.static
        messages = [] if static is None else [one for _, one in self._matched.messages([static])]
        for message in reversed(messages):
            for refused in self._transforms.add(message):
                logger.warning("bag %s: %s", self._matched.bag.path, refused)

    def _decoded(self, match: Match, number: int) -> StereoLidarFrame:
        left, points, truth = match["left"], match["points"], match.get("truth")
        rig = self._rig_of(match["left_info"], match["right_info"])
        images = {side: decode_rgb(match[side]) for side in ("left", "right")}
        depth_m = None if truth is None else decode_depth(truth)
        for name, image in {**images, "truth": depth_m}.items():
            if image is not None and image.shape[:2] != rig.left.size:
                raise DataError(f"{name} image is {image.shape[:2]}, CameraInfo says {rig.left.size}")
        return StereoLidarFrame(
            f"{number:06d}",
            match.stamp_ns,
            images["left"],
            images["right"],
            require_returns(decode_points(points)),
            rig,
            self._camera_from_lidar(left.header.frame_id, points.header.frame_id),
            depth_m,
        )

    def _rig_of(self, left: Any, right: Any) -> StereoRig:
        """Return one shared rig while the calibration stays, because a camera caches its rays."""
        key = (*_content(left), *_content(right))
        if self._rig is None or self._rig[0] != key:
            self._rig = (key, rig_from_infos(left, right))
        return self._rig[1]

    def _camera_from_lidar(self, camera: str, lidar: str) -> Matrix:
        return self._transforms.lookup(camera, lidar) if self._extrinsics is None else self._extrinsics


def _content(info: Any) -> tuple[Any, ...]:
    """Return everything of a CameraInfo that `rig_from_infos` may read."""
    roi = info.roi
    region = (roi.x_offset, roi.y_offset, roi.width, roi.height, info.binning_x, info.binning_y)
    return (info.width, info.height, info.k.tobytes(), info.p.tobytes(), *region)
