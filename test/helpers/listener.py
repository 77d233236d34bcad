# SPDX-License-Identifier: Apache-2.0
"""A program that listens to the depth topic and says so: a subscriber that tests can kill."""

from __future__ import annotations

import rclpy
from sensor_msgs.msg import Image


def main() -> None:
    """Print a line per depth image until killed."""
    rclpy.init(args=[])
    node = rclpy.create_node("listener", enable_rosout=False)
    node.create_subscription(Image, "depth/image_rect", lambda _: print("heard", flush=True), 10)
    print("listening", flush=True)
    rclpy.spin(node)


if __name__ == "__main__":
    main()
