# SPDX-License-Identifier: Apache-2.0
"""Starting a graph: by the launch file as by the command line, with signals and failures handed on."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import psutil
import pytest
from helpers import fake_launch, stereo_scene
from helpers.processes import Process, local_ros_environment

from geo_perception.resources import resource
from geo_perception.ros.graphs import GRAPHS, Graph, find_graph
from geo_perception.ros.runtime.transport import PROFILE_VARIABLE

MATRIX = "camera_from_lidar:=" + " ".join(str(v) for v in stereo_scene.CAMERA_FROM_LIDAR.reshape(-1))


@pytest.fixture
def entities(monkeypatch: pytest.MonkeyPatch) -> list[fake_launch.Recorded]:
    monkeypatch.delenv(PROFILE_VARIABLE, raising=False)
    return fake_launch.load(resource("launch/kitti_fusion.launch.py"), monkeypatch)


def of(kind: type, entities: list[fake_launch.Recorded]) -> list[fake_launch.Recorded]:
    return [entity for entity in entities if isinstance(entity, kind)]


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_a_launch_file_declares_the_graphs_arguments(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    entities = fake_launch.load(resource(f"launch/{graph.name}.launch.py"), monkeypatch)
    declared = of(fake_launch.DeclareLaunchArgument, entities)
    assert [d.args[0] for d in declared] == [a.name for a in graph.arguments]
    for action in declared:
        choices = action.options["choices"]
        assert choices is None or action.options["default_value"] in choices
        assert action.options["description"]
    (node,) = of(fake_launch.Node, fake_launch.run(entities))
    assert node.options["executable"] == graph.nodes[0].executable


def test_the_launch_file_sets_the_transport_profile(entities: list[fake_launch.Recorded]) -> None:
    (action,) = of(fake_launch.SetEnvironmentVariable, entities)
    assert action.args == (PROFILE_VARIABLE, str(resource("config/fastdds.xml")))


def test_the_users_profile_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROFILE_VARIABLE, "mine.xml")
    entities = fake_launch.load(resource("launch/kitti_fusion.launch.py"), monkeypatch)
    assert not of(fake_launch.SetEnvironmentVariable, entities)


def test_the_launch_file_starts_what_the_command_line_starts(entities: list[fake_launch.Recorded]) -> None:
    given = {"fusion": "scadc", "left": "/cam", "namespace": "car"}
    (node,) = of(fake_launch.Node, fake_launch.run(entities, **given))
    (start,) = find_graph("kitti_fusion").starts(given)
    assert node.options["ros_arguments"] == list(start.ros_arguments)
    assert (node.options["executable"], node.options["namespace"]) == ("stereo_lidar_fusion", "car")


def test_a_parameter_reaches_the_node_and_a_misspelt_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entities = fake_launch.load(resource("launch/indoor_depth.launch.py"), monkeypatch)
    fake_launch.WARNINGS.clear()
    (node,) = of(
        fake_launch.Node,
        fake_launch.run(entities, flip_augmentation="on", multi_scale="False", multiscale="on", robot="x"),
    )
    assert {'flip_augmentation:="on"', "multi_scale:=false"} <= set(node.options["ros_arguments"])
    assert fake_launch.WARNINGS == ["launch argument 'multiscale' is unknown; did you mean 'multi_scale'?"]


@pytest.mark.ros
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_line_hands_signals_on(number: signal.Signals) -> None:
    launch = Process(
        "geo_perception.cli", "launch", "kitti_fusion", MATRIX, environment=local_ros_environment()
    )
    try:
        launch.wait_for_line(r"\[stereo_lidar_fusion\]: active")
        (node,) = psutil.Process(launch.pid).children()
        launch.send(number)
        assert launch.wait_for_exit() == 0
        assert not node.is_running()
    finally:
        launch.end()


@pytest.mark.ros
def test_the_command_line_ends_with_a_node_that_cannot_start() -> None:
    launch = Process(
        *("geo_perception.cli", "launch", "kitti_fusion", MATRIX, "device:=warp:9", "fusion:=scadc"),
        environment=local_ros_environment(),
    )
    assert launch.wait_for_exit() == 2
    assert len(launch.lines) == 1, launch.lines
    assert "cannot configure" in launch.lines[0]


@pytest.mark.ros
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_node_told_twice_ends_once_and_leaves_no_shared_memory(number: signal.Signals) -> None:
    parameter = "camera_from_lidar:=" + str(stereo_scene.CAMERA_FROM_LIDAR.reshape(-1).tolist())
    arguments = ("--ros-args", "-p", parameter)
    node = Process(
        find_graph("kitti_fusion").nodes[0].module, *arguments, environment=local_ros_environment()
    )
    try:
        node.wait_for_line("active")
        maps = Path(f"/proc/{node.pid}/maps").read_text()
        segments = {Path(found) for found in re.findall(r"/dev/shm/fastrtps_[0-9a-f]{16}", maps)}
        assert segments
        node.send(number)
        node.send(number)  # as Ctrl-C on `ros2 launch` does: once from the terminal, once from launch
        assert node.wait_for_exit() == 0
        assert not [segment for segment in segments if segment.exists()]
    finally:
        node.end()
