# SPDX-License-Identifier: Apache-2.0
"""Launch descriptions of graphs, for the launch files.

Nodes manage their own life cycle (argument `autostart`), so they are started as plain nodes.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction, SetEnvironmentVariable
from launch.logging import get_logger
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from geo_perception.ros.graphs import PACKAGE, Graph, find_graph
from geo_perception.ros.launch_arguments import Argument, former_arguments
from geo_perception.ros.runtime.former_names import present_names, renaming_lines
from geo_perception.ros.runtime.transport import transport_environment


def describe(name: str) -> LaunchDescription:
    """Arguments of the graph, the transport profile unless the user has one, then the nodes."""
    graph = find_graph(name)
    variables = transport_environment(os.environ).items()
    return LaunchDescription(
        [
            *(_declare(argument) for argument in graph.arguments),
            *(SetEnvironmentVariable(variable, value) for variable, value in variables),
            OpaqueFunction(function=lambda context: _start(graph, context)),
        ]
    )


def _declare(argument: Argument) -> DeclareLaunchArgument:
    """A launch argument of the graph; an empty default must stay allowed beside the choices."""
    choices = list(dict.fromkeys([argument.default, *argument.choices])) if argument.choices else None
    return DeclareLaunchArgument(
        argument.name, default_value=argument.default, description=argument.help, choices=choices
    )


def _start(graph: Graph, context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The graph's processes for the values that the arguments have now."""
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in graph.arguments}
    given = {a.name: values[a.name] for a in graph.arguments if values[a.name] != a.default}
    # Former names are not declared, so that nobody takes them up; launch keeps them like any other.
    former, configurations = former_arguments(graph.arguments), context.launch_configurations
    given |= {name: configurations[name] for name in former if name in configurations}
    renamed = [f"launch argument {line}" for line in renaming_lines(given, former)]
    for line in renamed + misspelt((name for name in configurations if name not in former), values):
        get_logger(PACKAGE).warning(line)
    given = present_names(given, former)
    nodes: list[LaunchDescriptionEntity] = [
        Node(
            package=PACKAGE,
            executable=node.spec.executable,
            name=node.spec.executable,
            namespace=node.namespace or None,
            ros_arguments=list(node.ros_arguments),
            output="screen",
        )
        for node in graph.starts(given)
    ]
    rviz = graph.rviz_command(given)
    return [*nodes, ExecuteProcess(cmd=rviz, output="screen")] if rviz else nodes


def misspelt(configurations: Iterable[str], known: Collection[str]) -> list[str]:
    """A line for each name that is nearly an argument: launch keeps it, and nobody would ever read it.

    Other unknown names may belong to a launch file that includes this one.
    """
    near = {name: get_close_matches(name, known, n=1) for name in configurations if name not in known}
    return [
        f"launch argument {name!r} is unknown; did you mean {found[0]!r}?"
        for name, found in near.items()
        if found
    ]
