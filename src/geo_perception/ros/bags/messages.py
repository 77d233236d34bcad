# SPDX-License-Identifier: Apache-2.0
"""Conversion of frames to messages of the `rosbags` library, by topic."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import DataError
from geo_perception.frames import RgbdFrame, StereoLidarFrame
from geo_perception.geometry import PinholeCamera, se3
from geo_perception.ros.bags.layout import (
    CAMERA_FRAME,
    CAMERA_TOPICS,
    DEFAULT_TOPICS,
    LEFT_FRAME,
    LIDAR_FRAME,
    RIGHT_FRAME,
    BagTopics,
    typestore,
)
from geo_perception.ros.conversions.camera_info import info_fields
from geo_perception.ros.conversions.clouds import XYZI, cloud_fields
from geo_perception.ros.conversions.extrinsics import transform_fields
from geo_perception.ros.conversions.images import image_fields
from geo_perception.ros.conversions.stamps import time_fields

logger = logging.getLogger(__name__)


class Maker:
    """Factory of messages from arrays."""

    def __init__(self) -> None:
        self._types = typestore().types

    def type(self, name: str) -> Any:
        """Look up the class of a message type."""
        return self._types[name]

    def header(self, stamp_ns: int, frame_id: str) -> Any:
        """Make a std_msgs/Header."""
        stamp = self.type("builtin_interfaces/msg/Time")(**time_fields(stamp_ns))
        return self.type("std_msgs/msg/Header")(stamp=stamp, frame_id=frame_id)

    def image(self, pixels: NDArray[Any], encoding: str, header: Any) -> Any:
        """Make a sensor_msgs/Image. Raises InputError if the pixels do not fit the encoding."""
        fields = image_fields(pixels, encoding)
        fields["data"] = _flat_bytes(fields["data"])
        return self.type("sensor_msgs/msg/Image")(header=header, **fields)

    def info(self, camera: PinholeCamera, header: Any, baseline_m: float = 0.0) -> Any:
        """Make a sensor_msgs/CameraInfo."""
        whole = self.type("sensor_msgs/msg/RegionOfInterest")(0, 0, 0, 0, False)
        fields = info_fields(camera, baseline_m)
        return self.type("sensor_msgs/msg/CameraInfo")(
            header=header, binning_x=0, binning_y=0, roi=whole, **fields
        )

    def cloud(self, points: NDArray[np.float32], header: Any) -> Any:
        """Make a sensor_msgs/PointCloud2 of (N, 4) points. Raises DataError for another shape."""
        if points.ndim != 2 or points.shape[1] != len(XYZI):
            raise DataError(f"points must be (N, 4), got shape {points.shape}")
        fields = cloud_fields(XYZI, 1, len(points), self.type("sensor_msgs/msg/PointField"))
        data = _flat_bytes(points.astype(np.float32, copy=False))
        dense = bool(np.isfinite(points).all())
        return self.type("sensor_msgs/msg/PointCloud2")(header=header, is_dense=dense, data=data, **fields)

    def transform(self, header: Any, child: str, matrix: NDArray[np.float64]) -> Any:
        """Make a geometry_msgs/TransformStamped."""
        types = {
            name: self.type(f"geometry_msgs/msg/{name}") for name in ("Vector3", "Quaternion", "Transform")
        }
        make = SimpleNamespace(**types)
        shift, turn = transform_fields(matrix)
        transform = make.Transform(translation=make.Vector3(**shift), rotation=make.Quaternion(**turn))
        stamped = self.type("geometry_msgs/msg/TransformStamped")
        return stamped(header=header, child_frame_id=child, transform=transform)


class StereoLidarMessages:
    """Messages of a stereo pair, a sweep and, when they change, the transforms between them."""

    def __init__(self, topics: BagTopics = DEFAULT_TOPICS) -> None:
        self.topics, self._make = topics, Maker()
        self._extrinsics: tuple[NDArray[np.float64], float] | None = None

    def __call__(self, frame: StereoLidarFrame) -> Iterator[tuple[str, Any]]:
        """Yield topics and messages of a frame, in the order in which they are written."""
        topics, make, camera = self.topics, self._make, frame.rig.left
        left, right = make.header(frame.stamp_ns, LEFT_FRAME), make.header(frame.stamp_ns, RIGHT_FRAME)
        if self._extrinsics_changed(frame):
            yield topics.tf_static, self._transforms(frame)
        yield topics.left_info, make.info(camera, left)
        yield topics.right_info, make.info(camera, right, frame.rig.baseline_m)
        yield topics.left, make.image(frame.left, "rgb8", left)
        yield topics.right, make.image(frame.right, "rgb8", right)
        yield topics.points, make.cloud(frame.points_lidar, make.header(frame.stamp_ns, LIDAR_FRAME))
        if frame.depth_truth_m is not None:
            yield topics.truth, make.image(frame.depth_truth_m, "32FC1", left)

    def _extrinsics_changed(self, frame: StereoLidarFrame) -> bool:
        now, before = (frame.camera_from_lidar, frame.rig.baseline_m), self._extrinsics
        if before is not None and now[1] == before[1] and np.array_equal(now[0], before[0]):
            return False
        if before is not None:
            logger.warning(
                "frame %s: the calibration changes; a live node that reads /tf_static once keeps the old one",
                frame.name,
            )
        self._extrinsics = now
        return True

    def _transforms(self, frame: StereoLidarFrame) -> Any:
        right_in_left = se3.transform(np.eye(3), (frame.rig.baseline_m, 0.0, 0.0))
        children = {
            LIDAR_FRAME: se3.check_transform(frame.camera_from_lidar),
            RIGHT_FRAME: right_in_left,
        }
        header = self._make.header(frame.stamp_ns, LEFT_FRAME)
        transforms = [self._make.transform(header, child, matrix) for child, matrix in children.items()]
        return self._make.type("tf2_msgs/msg/TFMessage")(transforms=transforms)


class CameraMessages:
    """Messages of one camera's image."""

    def __init__(self, topics: BagTopics = CAMERA_TOPICS) -> None:
        self.topics, self._make = topics, Maker()

    def __call__(self, frame: RgbdFrame) -> Iterator[tuple[str, Any]]:
        """Yield topics and messages of a frame, in the order in which they are written. Truth keeps its own size."""
        header = self._make.header(frame.stamp_ns, CAMERA_FRAME)
        yield self.topics.left_info, self._make.info(frame.camera, header)
        yield self.topics.left, self._make.image(frame.image, "rgb8", header)
        if frame.depth_truth_m is not None:
            yield self.topics.truth, self._make.image(frame.depth_truth_m, "32FC1", header)


def _flat_bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    flat: NDArray[np.uint8] = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    return flat
