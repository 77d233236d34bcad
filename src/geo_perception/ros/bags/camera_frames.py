# SPDX-License-Identifier: Apache-2.0
"""Reader of images of one camera or a stereo pair from any bag, with depth where it was recorded, without lidar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from geo_perception.datasets.rgbd.recording import RecordedFrame
from geo_perception.errors import DataError
from geo_perception.pipelines.unseen import blank_unseen
from geo_perception.ros.bags.layout import BagTopics
from geo_perception.ros.bags.matching import matched_messages
from geo_perception.ros.bags.windows import MatchWindows
from geo_perception.ros.conversions import camera_from_info, decode_depth, decode_rgb, rig_from_infos
from geo_perception.sync import Match

STEREO_TOPICS = BagTopics(points="", truth="", tf_static="")


def read_recorded(
    path: str | Path, topics: BagTopics = STEREO_TOPICS, window_s: float = MatchWindows.stereo_window_s
) -> Iterator[RecordedFrame]:
    """Read the frames of a bag in its order; images without their partners are counted in one warning at the end.

    Args:
        path: bag folder, or a single .mcap or .db3 file.
        topics: topics of a frame's messages; `truth`, if named, is depth registered to the left image, and frames
            without it are left out.
        window_s: largest difference between the header stamps of a frame's messages, seconds.

    Raises:
        DataError: not a bag, damaged, a topic is missing or of another type, no frame is complete, or a message is bad.
    """
    with matched_messages(
        path, topics, MatchWindows.equal_to(window_s), needs_truth=bool(topics.truth)
    ) as matched:
        yield from matched.frames(_decoded)


def _decoded(match: Match, number: int) -> RecordedFrame:
    left = decode_rgb(match["left"])
    right, depth = match.get("right"), match.get("truth")
    if right is None:
        camera, baseline_m = camera_from_info(match["left_info"]), 0.0
    else:
        rig = rig_from_infos(match["left_info"], match["right_info"])
        camera, baseline_m = rig.left, rig.baseline_m
    images = {"left": left, "right": None if right is None else decode_rgb(right)}
    depth_m = None if depth is None else decode_depth(depth).copy()
    for name, image in {**images, "depth": depth_m}.items():
        if image is not None and image.shape[:2] != camera.size:
            raise DataError(f"{name} image is {image.shape[:2]}, CameraInfo says {camera.size}")
    if depth_m is not None:
        blank_unseen(depth_m, left, camera)
        depth_m = np.nan_to_num(depth_m, nan=0.0)
    return RecordedFrame(match.stamp_ns, left, images["right"], camera, baseline_m, depth_m)
