# SPDX-License-Identifier: Apache-2.0
"""Sources of the lidar's pose relative to the camera: a parameter, tf2's buffer, or /tf_static."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from geo_perception._types import Matrix
from geo_perception.errors import ConfigError, InputError
from geo_perception.geometry import se3
from geo_perception.ros.conversions import StaticTransforms, matrix_from_transform
from geo_perception.ros.conversions.extrinsics import transform_fault

CURE = (
    "give the parameter camera_from_lidar (the 4x4 matrix, 16 values row by row), "
    "or publish the frames on /tf_static"
)
MOST_SAID = 50  # faults of transforms: numbers that change from one to the next must not fill the log
WAIT_S = 0.1  # for the transform of an image's moment, which may come a little later than the image


def matrix_from_parameter(values: Sequence[float]) -> Matrix | None:
    """The 4x4 of 16 row-major values, None for no values.

    Raises:
        ConfigError: anything else.
    """
    if not values:
        return None
    try:
        return se3.check_transform(list(values))
    except InputError as error:
        raise ConfigError(f"parameter camera_from_lidar: {error}") from error


class TransformSource(Protocol):
    """Whoever knows the robot's frames."""

    def lookup(self, target: str, source: str, stamp_ns: int) -> Matrix:
        """4x4 `target_from_source` at a time; InputError if it is not known."""

    def close(self) -> None:
        """Stop listening."""

    def diagnostic_values(self) -> Mapping[str, str]:
        """For diagnostics."""


class Extrinsics:
    """`camera_from_lidar` per pair of frames and time.

    The parameter, if given, wins. Else tf2's buffer is asked, where tf2_ros is installed, so that moving joints
    count; else our own reader of /tf_static. One and the same frame needs no transform.
    """

    def __init__(self, node: Any, values: Sequence[float]) -> None:
        self._given = matrix_from_parameter(values)
        self._source: TransformSource = NoTransforms() if self._given is not None else open_source(node)

    def lookup(self, camera_frame: str, lidar_frame: str, stamp_ns: int = 0) -> Matrix:
        """4x4 lidar to camera at the image's time.

        Raises:
            InputError: nothing connects the frames (yet); the line says what would.
        """
        if self._given is not None:
            return self._given
        camera, lidar = camera_frame.lstrip("/"), lidar_frame.lstrip("/")
        if camera == lidar and camera:
            return np.eye(4)
        try:
            return self._source.lookup(camera, lidar, stamp_ns)
        except InputError as error:
            raise InputError(f"{error}; {CURE}") from error

    def diagnostic_values(self) -> Mapping[str, str]:
        """For diagnostics."""
        return {"extrinsics": "parameter"} if self._given is not None else self._source.diagnostic_values()

    def close(self) -> None:
        """Stop listening."""
        self._source.close()


def open_source(node: Any) -> TransformSource:
    """The best that is installed; what is wrong with it is said by `node.note`."""
    try:
        import tf2_ros
    except ImportError:
        pass  # as in environments made of wheels
    else:
        return BufferSource(node, tf2_ros)
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError:
        node.get_logger().warning(
            "camera_from_lidar is empty and /tf_static cannot be read (tf2_msgs is not installed): "
            f"unless clouds come in the camera's own frame, {CURE}"
        )
        return NoTransforms()
    return StaticSource(node, TFMessage)


class NoTransforms:
    """Source without transforms, for systems without TF messages."""

    def lookup(self, target: str, source: str, stamp_ns: int) -> Matrix:
        raise InputError(f"no transform from {source!r} to {target!r}: tf2_msgs is not installed")

    def close(self) -> None:
        """Nothing to do."""

    def diagnostic_values(self) -> Mapping[str, str]:
        return {"extrinsics": "none"}


class StaticSource:
    """Our own reader of /tf_static, for machines without tf2_ros."""

    def __init__(self, node: Any, message_type: Any) -> None:
        self._node = node
        self._tree = StaticTransforms()
        self._found: dict[tuple[str, str], Matrix] = {}
        self._subscription = node.create_subscription(message_type, "/tf_static", self.heard, _latched())

    def heard(self, message: Any) -> None:
        """Take over a tf2_msgs/TFMessage; what is bad in it is said once and left out."""
        for line in self._tree.add(message):
            self._node.get_logger().warning(line)
        self._found = {}

    def lookup(self, target: str, source: str, stamp_ns: int) -> Matrix:
        found, key = self._found, (target, source)
        if key not in found:
            found[key] = self._tree.lookup(target, source)
        return found[key]

    def diagnostic_values(self) -> Mapping[str, str]:
        return {"extrinsics": "/tf_static", "transforms left out": str(self._tree.refusals)}

    def close(self) -> None:
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None


class BufferSource:
    """tf2's buffer, which hears /tf and /tf_static and interpolates between moments."""

    def __init__(self, node: Any, tf2_ros: Any) -> None:
        self._tf2_ros, self._node = tf2_ros, node
        self._refusals = 0
        self._said: set[tuple[str, str]] = set()
        self._buffer = self._guarded_buffer()
        self._listener: Any = tf2_ros.TransformListener(self._buffer, node)
        self._jumps: Any = self._clear_on_jumps(node)

    def _guarded_buffer(self) -> Any:
        """A buffer that leaves out what it would otherwise complain of each time it comes."""
        accepts = self._accepts

        class GuardedBuffer(self._tf2_ros.Buffer):  # type: ignore[name-defined,misc]  # tf2_ros has no types
            def set_transform(self, transform: Any, authority: str) -> None:
                if accepts(transform):
                    super().set_transform(transform, authority)

            def set_transform_static(self, transform: Any, authority: str) -> None:
                if accepts(transform):
                    super().set_transform_static(transform, authority)

        return GuardedBuffer()

    def _accepts(self, stamped: Any) -> bool:
        """Return whether a transform is valid; each frame's fault is logged once."""
        fault = transform_fault(stamped)
        if not fault:
            return True
        self._refusals += 1
        key = (stamped.child_frame_id, fault)
        if key not in self._said and len(self._said) < MOST_SAID:
            self._said.add(key)
            parent = stamped.header.frame_id
            self._node.get_logger().warning(
                f"/tf: frame {stamped.child_frame_id!r} in {parent!r} is left out: {fault}"
            )
        return False

    def _clear_on_jumps(self, node: Any) -> Any:
        """As the buffer itself does by a clock of its own, which simulated time does not move."""
        from rclpy.clock import JumpThreshold
        from rclpy.duration import Duration

        threshold = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=True)
        return node.get_clock().create_jump_callback(threshold, post_callback=lambda _: self._buffer.clear())

    def lookup(self, target: str, source: str, stamp_ns: int) -> Matrix:
        from rclpy.duration import Duration
        from rclpy.time import Time

        moment = Time(nanoseconds=stamp_ns)
        try:
            try:
                found = self._buffer.lookup_transform(target, source, moment)
            except self._tf2_ros.ExtrapolationException:
                found = self._buffer.lookup_transform(target, source, moment, Duration(seconds=WAIT_S))
        except self._tf2_ros.TransformException as error:
            reason = " ".join(str(error).split())
            raise InputError(f"no transform from {source!r} to {target!r}: {reason}") from error
        return matrix_from_transform(found)

    def diagnostic_values(self) -> Mapping[str, str]:
        return {"extrinsics": "tf2_ros", "transforms left out": str(self._refusals)}

    def close(self) -> None:
        if self._listener is not None:
            self._listener.unregister()
            self._jumps.unregister()
            self._listener = self._jumps = None


def _latched() -> Any:
    """As tf2's static broadcaster publishes."""
    from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=100,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )
