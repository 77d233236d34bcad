# SPDX-License-Identifier: Apache-2.0
"""The examples run as they stand: with message_filters where it is installed, else with a stand-in of its interface."""

from __future__ import annotations

import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest
from helpers import fake_message_filters
from helpers.processes import local_ros_environment

from geo_perception.ros import conversions

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LIMIT_S = 30.0
MS = 1_000_000


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.ros
def test_message_filters_feed_the_synchroniser(monkeypatch):
    for name, value in local_ros_environment().items():
        monkeypatch.setenv(name, value)
    if importlib.util.find_spec("message_filters") is None:
        monkeypatch.setitem(sys.modules, "message_filters", fake_message_filters)
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image, PointCloud2

    example, pairs, heard = load("synchronize_with_message_filters"), [], threading.Event()

    class Listening(example.CameraWithLidar):
        def on_pair(self, image, points):
            super().on_pair(image, points)
            pairs.append((conversions.stamp_ns(image), conversions.stamp_ns(points)))
            heard.set()

    rclpy.init()
    try:
        node, driver = Listening(), rclpy.create_node("driver")
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        thread = threading.Thread(target=executor.spin, daemon=True)
        thread.start()
        publishers = {
            "image": driver.create_publisher(Image, "image", qos_profile_sensor_data),
            "points": driver.create_publisher(PointCloud2, "points", qos_profile_sensor_data),
        }
        for k in range(round(LIMIT_S / 0.1)):  # until discovery has found both
            header = conversions.header(10**9 + 100 * MS * k, "camera")
            publishers["image"].publish(Image(header=header, width=4, height=2))
            header = conversions.header(10**9 + 100 * MS * k + 20 * MS, "lidar")
            publishers["points"].publish(PointCloud2(header=header))
            if heard.wait(0.1):
                break
        executor.shutdown()
        thread.join(LIMIT_S)
    finally:
        rclpy.shutdown()
    assert pairs and {points - image for image, points in pairs} == {20 * MS}
