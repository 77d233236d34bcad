# SPDX-License-Identifier: Apache-2.0
"""Synchronise your own topics: message_filters' subscribers feed this package's synchroniser.

It pairs a camera with a lidar and prints how far apart their stamps are. Run it beside a driver or a replay:

    python examples/synchronize_with_message_filters.py --ros-args -r image:=/left/image_rect -r points:=/points
"""

from __future__ import annotations

from typing import Any

import rclpy
from message_filters import Subscriber
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, PointCloud2

from geo_perception.sync import Stream, Synchronizer


class CameraWithLidar(Node):
    """Each image with the sweep nearest to it in time, at most 60 ms away."""

    def __init__(self) -> None:
        super().__init__("camera_with_lidar")
        streams = [Stream("image", window_s=0.0), Stream("points", window_s=0.06)]
        self.synchronizer = Synchronizer(streams, pivot="image", timeout_s=0.2)
        for topic, message in (("image", Image), ("points", PointCloud2)):
            subscriber = Subscriber(self, message, topic, qos_profile=qos_profile_sensor_data)
            self.synchronizer.connect(topic, subscriber)
        self.synchronizer.registerCallback(self.on_pair)

    def on_pair(self, image: Any, points: Any) -> None:
        """Called for each pair, in the order of time, under no lock."""
        gap_ms = (seconds(points) - seconds(image)) * 1e3
        self.get_logger().info(f"{image.width}x{image.height} image, sweep {gap_ms:+.1f} ms from it")


def seconds(message: Any) -> float:
    """Stamp of a message with a header, seconds."""
    stamp = message.header.stamp
    return float(stamp.sec + stamp.nanosec * 1e-9)


def main() -> None:
    """Run the node until it is told to stop."""
    rclpy.init()
    node = CameraWithLidar()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
