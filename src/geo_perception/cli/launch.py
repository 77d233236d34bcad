# SPDX-License-Identifier: Apache-2.0
"""`geo-perception launch GRAPH [name:=value ...]`: runs the graph's nodes as processes, without ros2cli."""

import os
import sys
from typing import Annotated, Optional

import typer

from geo_perception.cli.output import examples
from geo_perception.ros.graphs import GRAPHS, Graph, find_graph
from geo_perception.ros.launch_arguments import parse_arguments

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Start a graph of nodes on this machine.")
GRAPH_HELP = f"one of: {', '.join(GRAPHS)}"


@app.command(
    epilog=examples(
        "launch kitti_fusion stereo:=sgbm_fast",
        "launch indoor_depth image:=/cam/image_rect camera_info:=/cam/camera_info",
        "launch indoor_depth --show-args",
    )
)
def launch(
    graph: Annotated[str, typer.Argument(help=GRAPH_HELP)],
    arguments: Annotated[Optional[list[str]], typer.Argument(help="launch arguments: name:=value")] = None,
    show_args: Annotated[bool, typer.Option("--show-args", help="list the graph's arguments")] = False,
    localhost: Annotated[
        bool, typer.Option("--localhost", help="keep all traffic on this machine, on a domain of its own")
    ] = False,
) -> None:
    """Run a graph until Ctrl-C; ends with the exit code of a node that fails.

    Large messages need a Fast DDS profile; the package's is used unless FASTRTPS_DEFAULT_PROFILES_FILE is set.
    """
    from geo_perception.dependencies import require
    from geo_perception.ros.runtime.process_group import Supervisor
    from geo_perception.ros.runtime.transport import environment

    chosen = find_graph(graph)
    if show_args:
        print("\n".join(describe(chosen)))
        return
    given = parse_arguments(arguments or [])
    commands = [start.command for start in chosen.starts(given)]
    rviz = chosen.rviz_command(given)
    require("rclpy", "sensor_msgs.msg", "diagnostic_msgs.msg")  # before a node fails with a traceback
    env = environment(os.environ, localhost=localhost)
    sys.exit(Supervisor([*commands, *([rviz] if rviz else [])], env).run())


def describe(graph: Graph) -> list[str]:
    """Describe a graph's arguments, in lines."""
    lines = [f"{graph.name}: {graph.description}"]
    for argument in graph.arguments:
        lines.append(f"  {argument.name}:={argument.default or repr('')}\n      {argument.help}")
    return lines
