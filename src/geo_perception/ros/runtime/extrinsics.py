# SPDX-License-Identifier: Apache-2.0
"""Where the lidar stands relative to the camera: from a parameter, or from /tf_static."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import ConfigError, InputError
from geo_perception.geometry import se3
from geo_perception.ros.conversions import StaticTransforms


def matrix_from_parameter(values: Sequence[float]) -> NDArray[np.float64] | None:
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


def tf_message_type() -> Any:
    """tf2_msgs/TFMessage.

    Raises:
        ConfigError: not installed, as in environments made of wheels.
    """
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError as error:
        raise ConfigError(
            "parameter camera_from_lidar is empty and /tf_static cannot be read: tf2_msgs is not installed; "
            "give the 16 values of the 4x4 matrix, row major"
        ) from error
    return TFMessage


class Extrinsics:
    """`camera_from_lidar` per pair of frames. The parameter, if given, wins over /tf_static."""

    def __init__(self, node: Any, values: Sequence[float]) -> None:
        self._node = node
        self._given = matrix_from_parameter(values)
        self._tree = StaticTransforms()
        self._found: dict[tuple[str, str], NDArray[np.float64]] = {}
        self._subscription: Any = None
        if self._given is None:
            self._subscription = node.create_subscription(
                tf_message_type(), "/tf_static", self.heard, _latched()
            )

    def heard(self, message: Any) -> None:
        """Take over a tf2_msgs/TFMessage."""
        self._tree.add(message)
        self._found.clear()

    def lookup(self, camera_frame: str, lidar_frame: str) -> NDArray[np.float64]:
        """4x4 lidar to camera.

        Raises:
            InputError: /tf_static does not connect the frames (yet).
        """
        if self._given is not None:
            return self._given
        key = (camera_frame.lstrip("/"), lidar_frame.lstrip("/"))
        if key not in self._found:
            self._found[key] = self._tree.lookup(*key)
        return self._found[key]

    def close(self) -> None:
        """Stop listening."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None


def _latched() -> Any:
    """As tf2's static broadcaster publishes."""
    from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=100,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )
