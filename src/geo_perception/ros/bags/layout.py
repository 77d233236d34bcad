# SPDX-License-Identifier: Apache-2.0
"""Layout of bags: topics, message types, frames and the quality of service that a player offers."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

STORAGES = ("mcap", "sqlite3")  # mcap is what Jazzy itself records by default

LEFT_FRAME = "camera_left_optical_frame"
RIGHT_FRAME = "camera_right_optical_frame"
LIDAR_FRAME = "velodyne"

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
POINT_CLOUD = "sensor_msgs/msg/PointCloud2"
TF_MESSAGE = "tf2_msgs/msg/TFMessage"

INFINITE = (9_223_372_036, 854_775_807)  # seconds and nanoseconds as rosbag2 writes "no deadline"
SENSOR_DEPTH = 5


@dataclass(frozen=True)
class BagTopics:
    """Topic names; change them to read a bag that was recorded elsewhere. An empty name: there is no such input."""

    left: str = "/left/image_rect"
    left_info: str = "/left/camera_info"
    right: str = "/right/image_rect"
    right_info: str = "/right/camera_info"
    points: str = "/points"
    truth: str = "/ground_truth/depth/image_rect"  # 32FC1 metres; optional
    tf_static: str = "/tf_static"  # lidar and cameras; optional where the extrinsics are given

    @property
    def required(self) -> dict[str, str]:
        """Map each input that a frame needs to its topic."""
        names = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("truth", "tf_static")}
        return {part: topic for part, topic in names.items() if topic}

    @property
    def types(self) -> dict[str, str]:
        """Map each topic to its message type."""
        return {
            self.tf_static: TF_MESSAGE,
            self.left_info: CAMERA_INFO,
            self.right_info: CAMERA_INFO,
            self.left: IMAGE,
            self.right: IMAGE,
            self.points: POINT_CLOUD,
            self.truth: IMAGE,
        }


DEFAULT_TOPICS = BagTopics()
NO_STEREO = {"right": "", "right_info": "", "points": "", "tf_static": ""}
CAMERA_TOPICS = BagTopics(left="/image_rect", left_info="/camera_info", **NO_STEREO)  # of one camera
CAMERA_FRAME = "camera_optical_frame"


def compressed_hint(path: str | Path, kinds: Mapping[str, str]) -> str:
    """Advise on the compressed images of a bag, by its topics' types; empty if it has none."""
    topics = sorted(topic for topic, kind in kinds.items() if kind == COMPRESSED_IMAGE)
    if not topics:
        return ""
    command = f"geo-perception bag decompress {shlex.quote(str(path))} OUT"
    return f"; {', '.join(topics)} compressed, make plain by: {command}"


def typestore() -> Any:
    """Load the message definitions of ROS 2 Jazzy."""
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.ROS2_JAZZY)


def offered_qos(latched: bool) -> Any:
    """Return a topic's quality of service: reliable, which every subscriber accepts; latched for /tf_static.

    Without the latter in the bag, `ros2 bag play` offers a volatile /tf_static, and tf2's listeners, which ask for
    transient local, get nothing.
    """
    from rosbags import interfaces as rb

    never = rb.QosTime(*INFINITE)
    durability = rb.QosDurability.TRANSIENT_LOCAL if latched else rb.QosDurability.VOLATILE
    return rb.Qos(
        rb.QosHistory.KEEP_LAST,
        1 if latched else SENSOR_DEPTH,
        rb.QosReliability.RELIABLE,
        durability,
        deadline=never,
        lifespan=never,
        liveliness=rb.QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=never,
        avoid_ros_namespace_conventions=False,
    )
