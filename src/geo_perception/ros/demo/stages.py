# SPDX-License-Identifier: Apache-2.0
"""What a demo needs to know of a graph: a world to play, arguments at start, and the same pipeline offline."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import yaml

from geo_perception.errors import ConfigError
from geo_perception.evaluation import Estimate
from geo_perception.evaluation.estimate import FUSED
from geo_perception.frames import StereoLidarFrame
from geo_perception.geometry import StereoRig
from geo_perception.pipelines import (
    IndoorDepth,
    IndoorDepthConfig,
    StereoLidarFusion,
    StereoLidarFusionConfig,
)
from geo_perception.resources import resource
from geo_perception.ros.graphs import find_graph

PERIOD_NS = 100_000_000  # between views of rooms
ROOM_SIZE, ROOM_VIEW_DEG = (640, 480), 70.0  # as of most cameras that robots carry
VIEWS_PER_ROOM = 5


class Offline(Protocol):
    """A graph's pipeline called directly."""

    @property
    def config(self) -> Any: ...
    def __call__(self, frame: StereoLidarFrame) -> Estimate: ...


@dataclass(frozen=True)
class Stage:
    """One graph's part of the demo."""

    world: str  # of the simulation, in the name of the kept bag
    size: tuple[int, int]  # width and height at scale 1
    simulate: Callable[[int, int, int, int], Iterator[StereoLidarFrame]]  # seed, frames, width, height
    arguments: Callable[
        [StereoLidarFrame], dict[str, str]
    ]  # of the graph, for data that begin with this frame
    offline: Callable[[Mapping[str, Any]], Offline]  # parameters of the node -> pipeline
    unheard: Mapping[str, str]  # topics of the bag that no node takes, and their messages


def stage_of(graph: str) -> Stage:
    """The stage of a graph. Raises ConfigError for one that cannot be played."""
    find_graph(graph)
    if graph not in STAGES:
        raise ConfigError(f"demo plays {', '.join(STAGES)}, not {graph}")
    return STAGES[graph]


def node_parameters(graph: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    """What the node's parameter file and the graph's arguments say."""
    (node,) = find_graph(graph).nodes
    file = Path(arguments.get("params_file") or resource(node.parameter_file))
    written = yaml.safe_load(file.read_text())["/**"]["ros__parameters"]
    given = {name: value for name, value in arguments.items() if value and name in node.parameters}
    truth = {"true": True, "false": False}
    return {**written, **{name: truth.get(value, value) for name, value in given.items()}}


def _chosen(config: type[Any], parameters: Mapping[str, Any]) -> Any:
    names = config.__dataclass_fields__
    return config(**{name: value for name, value in parameters.items() if name in names})


class OfflineFusion:
    """Stereo + lidar fusion, with what was fused beside it."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._pipeline = StereoLidarFusion(_chosen(StereoLidarFusionConfig, parameters))
        self.config = self._pipeline.config

    def __call__(self, frame: StereoLidarFrame) -> Estimate:
        fused = self._pipeline(
            frame.left, frame.right, frame.points_lidar, frame.rig, frame.camera_from_lidar
        )
        return Estimate.from_fused(fused)


class OfflineIndoor:
    """Indoor depth of the left camera."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._pipeline = IndoorDepth(_chosen(IndoorDepthConfig, parameters))
        self.config = self._pipeline.config

    def __call__(self, frame: StereoLidarFrame) -> Estimate:
        return Estimate({FUSED: self._pipeline(frame.left, frame.rig.left).depth_m})


def fusion_arguments(first: StereoLidarFrame) -> dict[str, str]:
    """The lidar's pose, and to go on without a lidar where there is none."""
    pose = " ".join(f"{value!r}" for value in first.camera_from_lidar.reshape(-1).tolist())
    given = {"camera_from_lidar": pose}
    if len(first.points_lidar):
        return given
    print("no lidar in the data: stereo alone (on_missing:=degrade)", file=sys.stderr)
    return {**given, "on_missing": "degrade"}


def indoor_arguments(first: StereoLidarFrame) -> dict[str, str]:
    """The left camera is the one."""
    return {"image": "left/image_rect", "camera_info": "left/camera_info"}


def drive(seed: int, frames: int, width: int, height: int) -> Iterator[StereoLidarFrame]:
    """A street."""
    from geo_perception.simulation.drive import DriveConfig, DriveSimulator

    return DriveSimulator(seed, DriveConfig(width=width, height=height)).frames(frames)


def rooms(seed: int, frames: int, width: int, height: int) -> Iterator[StereoLidarFrame]:
    """Some views of one home after another, by one camera; without a lidar."""
    from geo_perception.simulation.rooms import RoomConfig, RoomSimulator

    config = RoomConfig(width=width, height=height, fov_deg=(ROOM_VIEW_DEG, ROOM_VIEW_DEG))
    simulator = RoomSimulator(seed, config)
    for index in range(frames):
        home, view = divmod(index, VIEWS_PER_ROOM)
        if simulator.seed != seed + home:
            simulator = RoomSimulator(seed + home, config)
        frame = simulator.frame(view)
        yield StereoLidarFrame(
            name=f"{index:06d}",
            stamp_ns=(index + 1) * PERIOD_NS,
            left=frame.left,
            right=frame.right,
            points_lidar=np.zeros((0, 4), np.float32),
            rig=StereoRig(frame.camera, frame.baseline_m),
            camera_from_lidar=np.eye(4),
            depth_truth_m=frame.depth_m,
        )


UNHEARD = {"right/image_rect": "Image", "right/camera_info": "CameraInfo", "points": "PointCloud2"}
STAGES: dict[str, Stage] = {
    "kitti_fusion": Stage("simulated", (1242, 375), drive, fusion_arguments, OfflineFusion, {}),
    "indoor_depth": Stage("rooms", ROOM_SIZE, rooms, indoor_arguments, OfflineIndoor, UNHEARD),
}
