# SPDX-License-Identifier: Apache-2.0
"""Stereo camera and lidar to dense metric depth: `ros2 launch geo_perception kitti_fusion.launch.py --show-args`."""

from launch import LaunchDescription

from geo_perception.ros.launching import describe


def generate_launch_description() -> LaunchDescription:
    """The graph as `geo_perception.ros.graphs` describes it."""
    return describe("kitti_fusion")
