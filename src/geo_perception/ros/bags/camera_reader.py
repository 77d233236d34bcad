# SPDX-License-Identifier: Apache-2.0
"""Reader of one camera's images from a bag, in bag order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from geo_perception.errors import DataError
from geo_perception.frames import RgbdFrame
from geo_perception.geometry import PinholeCamera
from geo_perception.geometry.rectification import Rectification
from geo_perception.ros.bags.layout import CAMERA_TOPICS, BagTopics
from geo_perception.ros.bags.matching import matched_messages
from geo_perception.ros.bags.windows import MatchWindows
from geo_perception.ros.conversions import camera_from_info, decode_depth, decode_rgb
from geo_perception.sync import Match


def read_camera_bag(
    path: str | Path,
    topics: BagTopics = CAMERA_TOPICS,
    *,
    windows: MatchWindows | None = None,
    camera_of: Callable[[int, int], PinholeCamera] | None = None,
) -> Iterator[RgbdFrame]:
    """Read the images of `topics.left` with their cameras and, where there is one, the true depth.

    Args:
        path: bag folder, or a single .mcap or .db3 file.
        topics: topics of image, camera and truth; without `left_info`, `camera_of` gives the camera.
        windows: how far apart the header stamps of a frame's messages may be; None: as the nodes allow.
        camera_of: gives the camera of an image of this width and height.

    Raises:
        DataError: not a bag, damaged, a topic is missing, no frame is complete, or a message is bad.
    """
    # one object for equal ones, because a camera caches its rays
    known: dict[tuple[PinholeCamera, Rectification | None], PinholeCamera] = {}

    def camera(match: Match, width: int, height: int) -> PinholeCamera:
        if camera_of is not None:
            return camera_of(width, height)
        found = camera_from_info(match["left_info"])
        if found.size != (height, width):
            raise DataError(f"image is {width}x{height}, CameraInfo says {found.width}x{found.height}")
        return known.setdefault((found, found.rectification), found)

    def decode(match: Match, number: int) -> RgbdFrame:
        image, truth = decode_rgb(match["left"]), match.get("truth")
        depth_m = None if truth is None else decode_depth(truth)
        own = camera(match, image.shape[1], image.shape[0])
        return RgbdFrame(f"{number:06d}", image, own, depth_m, match.stamp_ns)

    with matched_messages(path, topics, windows or MatchWindows()) as matched:
        yield from matched.frames(decode)
