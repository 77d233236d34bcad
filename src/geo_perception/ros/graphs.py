# SPDX-License-Identifier: Apache-2.0
"""Graphs as data: their nodes and launch arguments.

The launch files and `geo-perception launch` both read this, so that a machine without ros2cli runs the same graph
with the same arguments. No rclpy and no launch here.
"""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from geo_perception.errors import ConfigError, MissingDependencyError
from geo_perception.resources import resource
from geo_perception.ros import rviz
from geo_perception.ros.launch_arguments import Argument, former_arguments, graph_arguments, parameter_names
from geo_perception.ros.nodes.indoor_depth import parameters as indoor_depth
from geo_perception.ros.nodes.stereo_lidar_fusion import parameters as stereo_lidar_fusion
from geo_perception.ros.runtime.former_names import present_names, renaming_lines
from geo_perception.ros.runtime.topics import Topic

logger = logging.getLogger(__name__)

PACKAGE = "geo_perception"


@dataclass(frozen=True)
class NodeSpec:
    """A node of a graph."""

    executable: str  # console script, and the node's name
    module: str  # what `python -m` runs
    parameter_file: str  # below the package's share folder
    settings: type[Any]  # its parameters, each of which is a launch argument
    inputs: tuple[Topic, ...]
    outputs: tuple[Topic, ...]
    topics: Mapping[str, str]  # topic of the node -> name with {argument} placeholders

    @property
    def parameters(self) -> tuple[str, ...]:
        """Arguments that are parameters of this node."""
        return parameter_names(self.settings)


@dataclass(frozen=True)
class NodeStart:
    """A node with everything decided."""

    spec: NodeSpec
    namespace: str
    ros_arguments: tuple[str, ...]  # without name and namespace

    @property
    def command(self) -> list[str]:
        """Command line that runs it with this Python."""
        names = ["-r", f"__node:={self.spec.executable}"]
        if self.namespace:
            names += ["-r", f"__ns:=/{self.namespace.strip('/')}"]
        return [sys.executable, "-m", self.spec.module, "--ros-args", *names, *self.ros_arguments]


@dataclass(frozen=True)
class Graph:
    """Nodes and launch arguments."""

    name: str
    description: str
    nodes: tuple[NodeSpec, ...]
    arguments: tuple[Argument, ...]
    rviz: str = ""  # layout below the share folder

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """All arguments, the given ones in place of defaults.

        Raises:
            ConfigError: unknown name or value, with what is allowed; or a value by a former and the present name.
        """
        given = present_names(given, former_arguments(self.arguments))
        known = {argument.name: argument for argument in self.arguments}
        unknown = sorted(given.keys() - known.keys())
        if unknown:
            near = get_close_matches(unknown[0], known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            raise ConfigError(f"graph {self.name} has no argument {unknown[0]!r}; {hint}")
        return {name: known[name].check(given.get(name, known[name].default)) for name in known}

    def starts(self, given: Mapping[str, str]) -> list[NodeStart]:
        """Every node of the graph, ready to run.

        Raises:
            ConfigError: as `values`, or a value that is malformed.
        """
        values = self.values(given)
        for line in renaming_lines(given, former_arguments(self.arguments)):
            logger.warning("launch argument %s", line)
        known = {argument.name: argument for argument in self.arguments}
        return [
            NodeStart(node, values["namespace"], _ros_arguments(node, known, values)) for node in self.nodes
        ]

    def rviz_command(self, given: Mapping[str, str]) -> list[str]:
        """Command line of RViz with the graph's layout; empty when not asked for.

        Raises:
            MissingDependencyError: asked for, and rviz2 is not installed.
        """
        values = self.values(given)
        if values["rviz"] != "true":
            return []
        if shutil.which("rviz2") is None:
            raise MissingDependencyError("rviz:=true needs rviz2 (apt install ros-jazzy-rviz2)")
        command = ["rviz2", "-d", str(resource(self.rviz)), "--ros-args"]
        if values["use_sim_time"]:
            command += ["-p", f"use_sim_time:={values['use_sim_time']}"]
        names = {topic: name for node in self.nodes for topic, name in _topics(node, values).items()}
        for topic, name in names.items():
            command += ["-r", f"/{topic}:={name}"] if name != f"/{topic}" else []
        if values["fixed_frame"]:
            return rviz.with_frame(command, values["fixed_frame"])
        cameras = [name for topic, name in names.items() if topic.endswith("camera_info")]
        return [sys.executable, "-m", rviz.__name__, *cameras, "--", *command]


def _topics(node: NodeSpec, values: Mapping[str, str]) -> dict[str, str]:
    """Topic of the node -> full name."""
    rules = dict(rule.split(":=", 1) for rule in values["remap"].split() if ":=" in rule)
    out = {}
    for topic, template in node.topics.items():
        target = rules.get(topic, template.format_map(values))
        parts = [target] if target.startswith("/") else ["", *filter(None, (_namespace(values), target))]
        out[topic] = "/".join(parts)
    return out


def _namespace(values: Mapping[str, str]) -> str:
    return values["namespace"].strip("/")


def _ros_arguments(
    node: NodeSpec, known: Mapping[str, Argument], values: Mapping[str, str]
) -> tuple[str, ...]:
    file = Path(values["params_file"]) if values["params_file"] else resource(node.parameter_file)
    if not file.is_file():
        raise ConfigError(f"params_file {file} does not exist")
    out = ["--params-file", str(file)]
    for name in node.parameters:
        if values[name]:
            out += ["-p", f"{name}:={known[name].yaml(values[name])}"]
    for topic, template in node.topics.items():
        target = template.format_map(values)
        if target != topic:
            out += ["-r", f"{topic}:={target}"]
    for rule in values["remap"].split():
        if ":=" not in rule:
            raise ConfigError(f"remap needs rules like points:=/velodyne_points, got {rule!r}")
        out += ["-r", rule]
    return (*out, "--log-level", values["log_level"])


FUSION_TOPICS = (
    Argument("left", "left", "namespace of the left camera: <left>/image_rect, <left>/camera_info"),
    Argument("right", "right", "namespace of the right camera"),
    Argument("points", "points", "topic of the lidar's PointCloud2"),
)
INDOOR_TOPICS = (
    Argument("image", "image_rect", "topic of the camera's rectified image"),
    Argument("camera_info", "camera_info", "topic of its CameraInfo"),
)
OUTPUTS = (Argument("depth", "depth", "namespace of the outputs"),)
DEPTH_TOPICS = {
    f"depth/{name}": f"{{depth}}/{name}" for name in ("image_rect", "camera_info", "points", "image_color")
}
FUSION_NODE = NodeSpec(
    executable="stereo_lidar_fusion",
    module="geo_perception.ros.nodes.stereo_lidar_fusion.node",
    parameter_file="config/stereo_lidar_fusion.yaml",
    settings=stereo_lidar_fusion.FusionSettings,
    inputs=stereo_lidar_fusion.INPUTS,
    outputs=stereo_lidar_fusion.OUTPUTS,
    topics={
        "left/image_rect": "{left}/image_rect",
        "left/camera_info": "{left}/camera_info",
        "right/image_rect": "{right}/image_rect",
        "right/camera_info": "{right}/camera_info",
        "points": "{points}",
        "depth/confidence": "{depth}/confidence",
        "depth/uncertainty": "{depth}/uncertainty",
        **DEPTH_TOPICS,
    },
)
INDOOR_NODE = NodeSpec(
    executable="indoor_depth",
    module="geo_perception.ros.nodes.indoor_depth.node",
    parameter_file="config/indoor_depth.yaml",
    settings=indoor_depth.IndoorSettings,
    inputs=indoor_depth.INPUTS,
    outputs=indoor_depth.OUTPUTS,
    topics={"image_rect": "{image}", "camera_info": "{camera_info}", **DEPTH_TOPICS},
)

GRAPHS: dict[str, Graph] = {
    "kitti_fusion": Graph(
        name="kitti_fusion",
        description="stereo camera and lidar to dense metric depth",
        nodes=(FUSION_NODE,),
        arguments=graph_arguments((*FUSION_TOPICS, *OUTPUTS), (FUSION_NODE.settings,)),
        rviz="config/rviz/kitti_fusion.rviz",
    ),
    "indoor_depth": Graph(
        name="indoor_depth",
        description="one camera in a room to dense metric depth",
        nodes=(INDOOR_NODE,),
        arguments=graph_arguments((*INDOOR_TOPICS, *OUTPUTS), (INDOOR_NODE.settings,)),
        rviz="config/rviz/indoor_depth.rviz",
    ),
}


def find_graph(name: str) -> Graph:
    """The graph of that name; ConfigError listing what exists."""
    if name not in GRAPHS:
        raise ConfigError(f"no graph {name!r}; there is {', '.join(GRAPHS)}")
    return GRAPHS[name]
