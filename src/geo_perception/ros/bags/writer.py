# SPDX-License-Identifier: Apache-2.0
"""Writes frames as a rosbag2 that `ros2 bag play` plays; a bag bears its final name only once it is complete."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from geo_perception.errors import ConfigError, DataError, GeoPerceptionError
from geo_perception.frames import StereoLidarFrame
from geo_perception.geometry import PinholeCamera, se3
from geo_perception.ros.bags.layout import (
    DEFAULT_TOPICS,
    LEFT_FRAME,
    LIDAR_FRAME,
    RIGHT_FRAME,
    STORAGES,
    BagTopics,
    offered_qos,
    typestore,
)
from geo_perception.ros.conversions.camera_info import info_fields
from geo_perception.ros.conversions.clouds import XYZI, cloud_fields
from geo_perception.ros.conversions.extrinsics import transform_fields
from geo_perception.ros.conversions.images import image_fields
from geo_perception.ros.conversions.stamps import time_fields

logger = logging.getLogger(__name__)


def write_bag(
    path: str | Path,
    frames: Iterable[StereoLidarFrame],
    storage: str = "mcap",
    *,
    overwrite: bool = False,
    progress: bool = False,
    total: int | None = None,
) -> int:
    """Write frames, in the order of their stamps, as a bag folder; returns how many.

    Args:
        path: folder to create.
        frames: consumed one at a time.
        storage: mcap or sqlite3.
        overwrite: replace an existing bag (after the new one is complete) instead of refusing.
        progress: show a progress bar.
        total: number of frames for the progress bar, where `frames` has no length.

    Raises:
        ConfigError: unknown storage.
        DataError: `path` exists, there is no frame, stamps do not increase, or the disk refuses.
    """
    path = Path(path)
    if storage not in STORAGES:
        raise ConfigError(f"bag storage is {storage!r}, allowed: {', '.join(STORAGES)}")
    if path.exists() and not overwrite:
        raise DataError(f"{path} exists already; choose another name or allow overwriting it")
    with _written_aside(path) as aside:
        return _write(
            aside,
            tqdm(frames, "writing bag", total, unit="frame", disable=None if progress else True),
            storage,
        )


@contextmanager
def _written_aside(path: Path) -> Iterator[Path]:
    """A place beside `path` that takes its name on success and vanishes on failure."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            aside = Path(folder) / path.name  # the storage file inside is named after its folder
            yield aside
            if path.is_dir():
                shutil.rmtree(path)
            aside.rename(path)
    except OSError as error:
        raise DataError(f"bag {path} cannot be written: {error}") from error


def _write(path: Path, frames: Iterable[StereoLidarFrame], storage: str) -> int:
    from rosbags.rosbag2 import StoragePlugin, Writer

    plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
    count = 0
    with Writer(path, version=9, storage_plugin=plugin) as bag:
        recorder = FrameRecorder(bag)
        for frame in frames:
            recorder.record(frame)
            count += 1
        if not count:
            raise DataError(f"no frames to write to {path.name}")
    return count


class FrameRecorder:
    """Turns frames into the messages of an open rosbags writer."""

    def __init__(self, bag: Any, topics: BagTopics = DEFAULT_TOPICS) -> None:
        self.bag, self.topics, self.store = bag, topics, typestore()
        self._connections: dict[str, Any] = {}
        self._extrinsics: tuple[NDArray[np.float64], float] | None = None
        self._newest_ns = -1

    def record(self, frame: StereoLidarFrame) -> None:
        """Write one frame.

        Raises:
            DataError: its stamp is not later than the previous one's, or its parts contradict each other.
        """
        if frame.stamp_ns <= self._newest_ns:
            raise DataError(
                f"frame {frame.name}: stamp {frame.stamp_ns} ns does not follow {self._newest_ns} ns"
            )
        self._newest_ns = frame.stamp_ns
        try:
            messages = list(self._messages(frame))
        except GeoPerceptionError as error:
            raise DataError(f"frame {frame.name}: {error}") from error
        for order, (topic, message) in enumerate(messages):
            # One nanosecond apart, so that every player and reader keeps the order.
            self._write(topic, frame.stamp_ns + order, message)

    def _write(self, topic: str, log_ns: int, message: Any) -> None:
        kind = self.topics.types[topic]
        if topic not in self._connections:
            qos = [offered_qos(latched=topic == self.topics.tf_static)]
            self._connections[topic] = self.bag.add_connection(
                topic, kind, typestore=self.store, offered_qos_profiles=qos
            )
        self.bag.write(self._connections[topic], log_ns, self.store.serialize_cdr(message, kind))

    def _messages(self, frame: StereoLidarFrame) -> Iterator[tuple[str, Any]]:
        topics, camera, baseline_m = self.topics, frame.rig.left, frame.rig.baseline_m
        left, right = self._header(frame, LEFT_FRAME), self._header(frame, RIGHT_FRAME)
        if self._extrinsics_changed(frame):
            yield topics.tf_static, self._transforms(frame)
        yield topics.left_info, self._info(camera, left)
        yield topics.right_info, self._info(camera, right, baseline_m)
        yield topics.left, self._image(frame.left, "rgb8", left)
        yield topics.right, self._image(frame.right, "rgb8", right)
        yield topics.points, self._cloud(frame.points_lidar, self._header(frame, LIDAR_FRAME))
        if frame.depth_truth_m is not None:
            yield topics.truth, self._image(frame.depth_truth_m, "32FC1", left)

    def _type(self, name: str) -> Any:
        return self.store.types[name]

    def _header(self, frame: StereoLidarFrame, frame_id: str) -> Any:
        stamp = self._type("builtin_interfaces/msg/Time")(**time_fields(frame.stamp_ns))
        return self._type("std_msgs/msg/Header")(stamp=stamp, frame_id=frame_id)

    def _image(self, pixels: NDArray[Any], encoding: str, header: Any) -> Any:
        fields = image_fields(pixels, encoding)
        fields["data"] = _flat_bytes(fields["data"])
        return self._type("sensor_msgs/msg/Image")(header=header, **fields)

    def _info(self, camera: PinholeCamera, header: Any, baseline_m: float = 0.0) -> Any:
        whole = self._type("sensor_msgs/msg/RegionOfInterest")(0, 0, 0, 0, False)
        fields = info_fields(camera, baseline_m)
        return self._type("sensor_msgs/msg/CameraInfo")(
            header=header, binning_x=0, binning_y=0, roi=whole, **fields
        )

    def _cloud(self, points: NDArray[np.float32], header: Any) -> Any:
        if points.ndim != 2 or points.shape[1] != len(XYZI):
            raise DataError(f"points must be (N, 4), got shape {points.shape}")
        fields = cloud_fields(XYZI, 1, len(points), self._type("sensor_msgs/msg/PointField"))
        data = _flat_bytes(points.astype(np.float32, copy=False))
        dense = bool(np.isfinite(points).all())
        return self._type("sensor_msgs/msg/PointCloud2")(header=header, is_dense=dense, data=data, **fields)

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
        header = self._header(frame, LEFT_FRAME)
        transforms = [self._transform(header, child, matrix) for child, matrix in children.items()]
        return self._type("tf2_msgs/msg/TFMessage")(transforms=transforms)

    def _transform(self, header: Any, child: str, matrix: NDArray[np.float64]) -> Any:
        types = {
            name: self._type(f"geometry_msgs/msg/{name}") for name in ("Vector3", "Quaternion", "Transform")
        }
        make = SimpleNamespace(**types)
        shift, turn = transform_fields(matrix)
        transform = make.Transform(translation=make.Vector3(**shift), rotation=make.Quaternion(**turn))
        stamped = self._type("geometry_msgs/msg/TransformStamped")
        return stamped(header=header, child_frame_id=child, transform=transform)


def _flat_bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    flat: NDArray[np.uint8] = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    return flat
