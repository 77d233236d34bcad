# SPDX-License-Identifier: Apache-2.0
"""Which nodes a graph has and what may be said about them at start, as data.

The launch files and `geo-perception launch` both read this, so that a machine without ros2cli runs the same graph
with the same arguments. No rclpy and no launch here.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from geo_perception.errors import ConfigError, InputError, MissingDependencyError
from geo_perception.geometry import se3
from geo_perception.resources import resource

PACKAGE = "geo_perception"
BOOLEANS = ("true", "false")
LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")


@dataclass(frozen=True)
class Argument:
    """A launch argument. One named in a node's `parameters` sets that parameter unless its value is empty."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()

    def check(self, value: str) -> str:
        """The value if it is allowed; ConfigError listing the choices if not."""
        if self.choices and value not in self.choices and value != self.default:
            raise ConfigError(f"{self.name} must be one of {', '.join(self.choices)}, got {value!r}")
        return value


@dataclass(frozen=True)
class NodeSpec:
    """A node of a graph."""

    executable: str  # console script, and the node's name
    module: str  # what `python -m` runs
    parameter_file: str  # below the package's share folder
    parameters: tuple[str, ...]  # arguments that are parameters of this node
    topics: Mapping[str, str]  # topic of the node -> name with {argument} placeholders


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
            ConfigError: unknown name or value, with what is allowed.
        """
        known = {argument.name: argument for argument in self.arguments}
        unknown = sorted(given.keys() - known.keys())
        if unknown:
            raise ConfigError(f"graph {self.name} has no argument {unknown[0]!r}; it has {', '.join(known)}")
        return {name: known[name].check(given.get(name, known[name].default)) for name in known}

    def starts(self, given: Mapping[str, str]) -> list[NodeStart]:
        """Every node of the graph, ready to run.

        Raises:
            ConfigError: as `values`, or a value that is malformed.
        """
        values = self.values(given)
        return [NodeStart(node, values["namespace"], _ros_arguments(node, values)) for node in self.nodes]

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
        for node in self.nodes:
            for topic, target in _topics(node, values).items():
                command += ["-r", f"/{topic}:={target}"]
        return command


def _topics(node: NodeSpec, values: Mapping[str, str]) -> dict[str, str]:
    """Topic of the node -> full name, where the two differ: the layout names them without namespace."""
    out = {}
    for topic, template in node.topics.items():
        target = template.format_map(values)
        full = (
            target if target.startswith("/") else "/" + "/".join(filter(None, (_namespace(values), target)))
        )
        if full != f"/{topic}":
            out[topic] = full
    return out


def _namespace(values: Mapping[str, str]) -> str:
    return values["namespace"].strip("/")


def _ros_arguments(node: NodeSpec, values: Mapping[str, str]) -> tuple[str, ...]:
    file = Path(values["params_file"]) if values["params_file"] else resource(node.parameter_file)
    if not file.is_file():
        raise ConfigError(f"params_file {file} does not exist")
    out = ["--params-file", str(file)]
    for name in node.parameters:
        if values[name]:
            out += ["-p", f"{name}:={_yaml(name, values[name])}"]
    for topic, template in node.topics.items():
        target = template.format_map(values)
        if target != topic:
            out += ["-r", f"{topic}:={target}"]
    for rule in values["remap"].split():
        if ":=" not in rule:
            raise ConfigError(f"remap needs rules like points:=/velodyne_points, got {rule!r}")
        out += ["-r", rule]
    return (*out, "--log-level", values["log_level"])


def _yaml(name: str, value: str) -> str:
    """A value as YAML of the parameter's type: matrices as floats, truth values bare, text quoted."""
    if name == "camera_from_lidar":
        try:
            numbers = [float(v) for v in value.strip("[] ").replace(",", " ").split()]
            return json.dumps(se3.check_transform(numbers).reshape(-1).tolist())
        except (ValueError, InputError) as error:
            raise ConfigError(f"camera_from_lidar: {error}") from error
    return value if value in BOOLEANS else json.dumps(value)


def parse_arguments(words: Iterable[str]) -> dict[str, str]:
    """`name:=value` words as a mapping, the last of equal names counting.

    Raises:
        ConfigError: a word of another form.
    """
    out: dict[str, str] = {}
    for word in words:
        name, separator, value = word.partition(":=")
        if not separator or not name:
            raise ConfigError(f"launch arguments look like name:=value, got {word!r}")
        out[name] = value
    return out


EMPTY = "; empty: as in the parameter file"
COMMON = (
    Argument("namespace", "", "namespace of all nodes and their relative topics"),
    Argument("params_file", "", "parameter file; empty: the one of the package"),
    Argument("remap", "", "further remappings, such as 'left/camera_info:=/cam/info points:=/scan'"),
    Argument("use_sim_time", "", f"take time from /clock{EMPTY}", BOOLEANS),
    Argument("autostart", "", f"configure and activate without a life-cycle manager{EMPTY}", BOOLEANS),
    Argument("rviz", "false", "start RViz with the layout of this graph", BOOLEANS),
    Argument("log_level", "info", "least severe log level shown", LOG_LEVELS),
)
DEPTH_ARGUMENTS = (
    Argument("depth", "depth", "namespace of the outputs"),
    Argument("device", "", f"torch device{EMPTY}"),
    Argument("precision", "", f"arithmetic of the networks{EMPTY}", ("auto", "float32", "bfloat16")),
)
FUSION_ARGUMENTS = (
    Argument("left", "left", "namespace of the left camera: <left>/image_rect, <left>/camera_info"),
    Argument("right", "right", "namespace of the right camera"),
    Argument("points", "points", "topic of the lidar's PointCloud2"),
    Argument("stereo", "", f"stereo backend{EMPTY}", ("sgbm", "sgbm_fast", "psmnet")),
    Argument("completion", "", f"lidar completion backend{EMPTY}", ("morphology", "ssdc")),
    Argument("fusion", "", f"fusion backend{EMPTY}", ("scadc", "confidence")),
    Argument("fusion_model", "", f"model of the fusion network: a name in models/ or a folder{EMPTY}"),
    Argument("stereo_model", "", f"model of the stereo network{EMPTY}"),
    Argument("completion_model", "", f"model of the completion network{EMPTY}"),
    Argument("on_missing", "", f"what to do without right camera or lidar{EMPTY}", ("hold", "degrade")),
    Argument("camera_from_lidar", "", "lidar to left camera, 16 values row by row; empty: /tf_static"),
)
INDOOR_ARGUMENTS = (
    Argument("image", "image_rect", "topic of the camera's rectified image"),
    Argument("camera_info", "camera_info", "topic of its CameraInfo"),
    Argument("model", "", f"a name in models/ or a folder{EMPTY}"),
    Argument("aspect", "", f"how images reach the network{EMPTY}", ("card", "stretch", "pad", "crop")),
    Argument("scale_by_focal", "", f"scale depth to the camera's focal length{EMPTY}", BOOLEANS),
    Argument("on_missing", "", f"what to do without CameraInfo{EMPTY}", ("hold", "degrade")),
)
DEPTH_TOPICS = {
    f"depth/{name}": f"{{depth}}/{name}" for name in ("image_rect", "camera_info", "points", "image_color")
}
FUSION_NODE = NodeSpec(
    executable="stereo_lidar_fusion",
    module="geo_perception.ros.nodes.stereo_lidar_fusion",
    parameter_file="config/stereo_lidar_fusion.yaml",
    parameters=(
        *("use_sim_time", "autostart", "stereo", "completion", "fusion", "fusion_model", "stereo_model"),
        *("completion_model", "device", "precision", "on_missing", "camera_from_lidar"),
    ),
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
    module="geo_perception.ros.nodes.indoor_depth",
    parameter_file="config/indoor_depth.yaml",
    parameters=(
        *("use_sim_time", "autostart", "model", "device", "precision", "aspect", "scale_by_focal"),
        "on_missing",
    ),
    topics={"image_rect": "{image}", "camera_info": "{camera_info}", **DEPTH_TOPICS},
)

GRAPHS: dict[str, Graph] = {
    "kitti_fusion": Graph(
        name="kitti_fusion",
        description="stereo camera and lidar to dense metric depth",
        nodes=(FUSION_NODE,),
        arguments=(*FUSION_ARGUMENTS, *DEPTH_ARGUMENTS, *COMMON),
        rviz="config/rviz/kitti_fusion.rviz",
    ),
    "indoor_depth": Graph(
        name="indoor_depth",
        description="one camera in a room to dense metric depth",
        nodes=(INDOOR_NODE,),
        arguments=(*INDOOR_ARGUMENTS, *DEPTH_ARGUMENTS, *COMMON),
        rviz="config/rviz/indoor_depth.rviz",
    ),
}


def find_graph(name: str) -> Graph:
    """The graph of that name; ConfigError listing what exists."""
    if name not in GRAPHS:
        raise ConfigError(f"no graph {name!r}; there is {', '.join(GRAPHS)}")
    return GRAPHS[name]
