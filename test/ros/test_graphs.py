# SPDX-License-Identifier: Apache-2.0
"""A graph's data agrees with its nodes, and every argument arrives where it belongs."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from geo_perception.errors import ConfigError, MissingDependencyError
from geo_perception.resources import resource
from geo_perception.ros.graphs import GRAPHS, Graph, find_graph
from geo_perception.ros.launch_arguments import parse_arguments
from geo_perception.ros.nodes.indoor_depth.parameters import IndoorSettings
from geo_perception.ros.nodes.stereo_lidar_fusion.parameters import FusionSettings
from geo_perception.ros.runtime.parameters import rule_of

FUSION = find_graph("kitti_fusion")
INDOOR = find_graph("indoor_depth")
EYE = "1 0 0 0  0 1 0 0  0 0 1 0  0 0 0 1"


def ros_arguments(**given: str) -> list[str]:
    return FUSION.starts(given)[0].command


def flags(command: list[str], flag: str) -> list[str]:
    return [value for name, value in itertools.pairwise(command) if name == flag]


def parameters(**given: str) -> dict[str, Any]:
    return {k: yaml.safe_load(v) for k, v in (p.split(":=") for p in flags(ros_arguments(**given), "-p"))}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_files_of_a_graph_exist(graph: Graph) -> None:
    for name in (graph.rviz, f"launch/{graph.name}.launch.py", f"config/foxglove/{graph.name}.json"):
        assert resource(name).is_file()
    for node in graph.nodes:
        assert resource(node.parameter_file).is_file()


def settings_of(graph: Graph) -> type[Any]:
    known = {"kitti_fusion": FusionSettings, "indoor_depth": IndoorSettings}
    return known[graph.name]


@pytest.mark.ros
@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_topics_are_those_of_the_node(graph: Graph) -> None:
    (node,) = graph.nodes
    module = importlib.import_module(node.module)
    assert node.executable == module.NAME
    assert (node.inputs, node.outputs) == (module.INPUTS, module.OUTPUTS)
    assert set(node.topics) == {topic.name for topic in (*module.INPUTS, *module.OUTPUTS)}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_every_parameter_is_an_argument_of_its_type_and_choices(graph: Graph) -> None:
    arguments = {a.name: a for a in graph.arguments}
    assert len(arguments) == len(graph.arguments)  # no topic has a parameter's name
    for item in dataclasses.fields(settings_of(graph)):
        argument = arguments[item.name]
        assert argument.choices == rule_of(item).choices
        assert argument.default == ""  # as in the parameter file
        value = {tuple: EYE, bool: "true"}.get(type(item.default), str(item.default or "1"))
        parsed = yaml.safe_load(argument.yaml(value))
        assert type(parsed) is (list if isinstance(item.default, tuple) else type(item.default))


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_the_layouts_show_topics_of_the_graph(graph: Graph) -> None:
    topics = {f"/{topic}" for topic in graph.nodes[0].topics}
    layout = yaml.safe_load(resource(graph.rviz).read_text())
    shown = {d["Topic"]["Value"] for d in layout["Visualization Manager"]["Displays"] if "Topic" in d}
    assert shown and shown <= topics
    foxglove = yaml.safe_load(resource(f"config/foxglove/{graph.name}.json").read_text())["configById"]
    images = {c["imageMode"]["imageTopic"] for c in foxglove.values() if "imageMode" in c}
    assert images | set(foxglove["3D!cloud"]["topics"]) <= topics


def test_the_camera_of_the_indoor_graph_is_two_topics() -> None:
    (start,) = INDOOR.starts({"image": "/cam/rgb", "scale_by_focal": "false"})
    assert "image_rect:=/cam/rgb" in flags(start.command, "-r")
    assert flags(start.command, "-p") == ["scale_by_focal:=false"]


def test_by_default_the_parameter_file_decides() -> None:
    command = ros_arguments()
    assert flags(command, "-p") == []
    assert flags(command, "--params-file") == [str(resource("config/stereo_lidar_fusion.yaml"))]
    assert flags(command, "-r") == ["__node:=stereo_lidar_fusion"]


def test_parameters_arrive_with_their_type() -> None:
    got = parameters(fusion="scadc", fusion_model="2024", use_sim_time="true", camera_from_lidar=EYE)
    assert got["fusion"] == "scadc"
    assert got["fusion_model"] == "2024"  # and not a number
    assert got["use_sim_time"] is True
    assert got["camera_from_lidar"] == [float(i % 5 == 0) for i in range(16)]
    assert all(type(v) is float for v in got["camera_from_lidar"])


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("flip_augmentation", "on", "on"),  # a choice, which YAML by itself takes for true
        ("multi_scale", "off", False),
        ("multi_scale", "True", True),
        ("multi_scale", "0", False),
        ("timeout_s", "1", 1.0),
        ("timeout_s", "1e-5", 1e-5),
        ("warn_age_s", "1e10", 1e10),
        ("input_depth", "3", 3),
        ("model", "1e5", "1e5"),
        ("model", "true", "true"),
        ("model", "a: [b", "a: [b"),
        ("model", "C:\\ä 'x' \"y\"", "C:\\ä 'x' \"y\""),
        ("use_sim_time", "TRUE", True),
    ],
)
def test_words_become_values_of_the_parameters_type(name: str, word: str, value: Any) -> None:
    (start,) = INDOOR.starts({name: word})
    (rule,) = flags(start.command, "-p")
    assert rule.startswith(f"{name}:=")
    got = yaml.safe_load(rule.split(":=", 1)[1])
    assert (got, type(got)) == (value, type(value))
    assert "e" not in rule.split(":=")[1] or not isinstance(value, float)  # which ROS takes for a text


@pytest.mark.parametrize("text", [EYE, "[" + ",".join(EYE.split()) + "]"])
def test_a_matrix_may_have_commas_or_not(text: str) -> None:
    assert len(parameters(camera_from_lidar=text)["camera_from_lidar"]) == 16


def test_topics_and_namespaces() -> None:
    rules = flags(
        ros_arguments(namespace="/car/", left="/kitti/left", depth="fused", remap="points:=/scan a:=b"), "-r"
    )
    assert "__ns:=/car" in rules
    assert {"left/image_rect:=/kitti/left/image_rect", "left/camera_info:=/kitti/left/camera_info"} <= {
        *rules
    }
    assert {"depth/points:=fused/points", "points:=/scan", "a:=b"} <= {*rules}
    assert not any(rule.startswith("right/") for rule in rules)


def test_a_parameter_file_of_the_user(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("/**: {ros__parameters: {device: cpu}}")
    assert flags(ros_arguments(params_file=str(file)), "--params-file") == [str(file)]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"fusion": "magic"}, "fusion must be one of scadc, confidence, got 'magic'"),
        ({"speed": "fast"}, "no argument 'speed'; it has left, right"),
        ({"camera_from_lidar": "1 2 3"}, "camera_from_lidar: a transform needs 16 values"),
        ({"camera_from_lidar": "one"}, "camera_from_lidar: could not convert"),
        ({"params_file": "/nowhere.yaml"}, "params_file /nowhere.yaml does not exist"),
        ({"remap": "points"}, "remap needs rules"),
        ({"fusoin": "scadc"}, "no argument 'fusoin'; did you mean 'fusion'?"),
        ({"timeout_s": "soon"}, "timeout_s must be a number, got 'soon'"),
        ({"timeout_s": "-1"}, "timeout_s must be at least 0.0, got -1.0"),
        ({"lidar_offset_s": "nan"}, "lidar_offset_s must be finite, got nan"),
        ({"input_depth": "2.5"}, "input_depth must be an integer, got '2.5'"),
        ({"align_stereo": "maybe"}, "align_stereo must be true or false, got 'maybe'"),
    ],
)
def test_bad_arguments_are_refused_by_name(given: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        FUSION.starts(given)
    assert named in str(refusal.value)


def test_words_of_the_command_line() -> None:
    assert parse_arguments(["a:=b", "c:=", "r:=x:=y"]) == {"a": "b", "c": "", "r": "x:=y"}
    with pytest.raises(ConfigError, match="look like name:=value, got 'a=b'"):
        parse_arguments(["a=b"])
    with pytest.raises(ConfigError, match="no graph 'x'; there is kitti_fusion"):
        find_graph("x")


def test_rviz_is_told_names_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert FUSION.rviz_command({}) == []
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    given = {
        "rviz": "True",
        "namespace": "car",
        "points": "/scan",
        "use_sim_time": "true",
        "fixed_frame": "map",
    }
    command = FUSION.rviz_command(given)
    assert command[:3] == ["rviz2", "-d", str(resource(FUSION.rviz))]
    assert flags(command, "-f") == ["map"]
    assert command.index("-f") < command.index("--ros-args")
    assert flags(command, "-p") == ["use_sim_time:=true"]
    assert {"/depth/points:=/car/depth/points", "/points:=/scan"} <= {*flags(command, "-r")}
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingDependencyError, match="rviz2"):
        FUSION.rviz_command({"rviz": "true"})


def test_rviz_asks_the_cameras_for_their_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    command = FUSION.rviz_command(
        {"rviz": "true", "namespace": "car", "remap": "left/camera_info:=/cam/info"}
    )
    split = command.index("--")
    assert command[1:3] == ["-m", "geo_perception.ros.rviz"]
    assert command[3:split] == ["/cam/info", "/car/right/camera_info", "/car/depth/camera_info"]
    assert command[split + 1] == "rviz2"


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_no_layout_names_a_frame_of_the_simulator(graph: Graph) -> None:
    for name in (graph.rviz, f"config/foxglove/{graph.name}.json"):
        assert not [frame for frame in ("optical_frame", "velodyne") if frame in resource(name).read_text()]
