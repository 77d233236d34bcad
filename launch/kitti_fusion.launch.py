# SPDX-License-Identifier: Apache-2.0
"""Stereo camera and lidar to dense metric depth: `ros2 launch geo_perception kitti_fusion.launch.py --show-args`.

The node manages its own life cycle (argument `autostart`), so it is started as a plain node.
"""

import os

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from geo_perception.ros.graphs import PACKAGE, Argument, find_graph
from geo_perception.ros.runtime.transport import transport_environment

GRAPH = find_graph("kitti_fusion")


def declare(argument: Argument) -> DeclareLaunchArgument:
    """A launch argument of the graph; an empty default must stay allowed beside the choices."""
    choices = list(dict.fromkeys([argument.default, *argument.choices])) if argument.choices else None
    return DeclareLaunchArgument(
        argument.name, default_value=argument.default, description=argument.description, choices=choices
    )


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The graph's processes for the values that the arguments have now."""
    given = {a.name: LaunchConfiguration(a.name).perform(context) for a in GRAPH.arguments}
    nodes: list[LaunchDescriptionEntity] = [
        Node(
            package=PACKAGE,
            executable=node.spec.executable,
            name=node.spec.executable,
            namespace=node.namespace or None,
            ros_arguments=list(node.ros_arguments),
            output="screen",
        )
        for node in GRAPH.starts(given)
    ]
    rviz = GRAPH.rviz_command(given)
    return [*nodes, ExecuteProcess(cmd=rviz, output="screen")] if rviz else nodes


def generate_launch_description() -> LaunchDescription:
    """Arguments, the transport profile unless the user has one, then the nodes."""
    variables = transport_environment(os.environ).items()
    return LaunchDescription(
        [
            *(declare(argument) for argument in GRAPH.arguments),
            *(SetEnvironmentVariable(name, value) for name, value in variables),
            OpaqueFunction(function=start),
        ]
    )
