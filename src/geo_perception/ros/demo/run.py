# SPDX-License-Identifier: Apache-2.0
"""Starts the graph, a replay and a listener, each a process of its own, then judges what was heard."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from geo_perception.errors import ConfigError, DataError
from geo_perception.evaluation import result_folder
from geo_perception.ros.bags import bag_info, read_bag
from geo_perception.ros.demo.children import Child, Children
from geo_perception.ros.demo.inputs import input_bag
from geo_perception.ros.demo.judging import judge
from geo_perception.ros.demo.listener import CLOUD, CONFIDENCE, DEPTH, Listener
from geo_perception.ros.replay import Sent
from geo_perception.ros.replay.player import playing_node
from geo_perception.ros.runtime.transport import environment

GRAPH = "kitti_fusion"
ENOUGH_FRAMES = 100  # for the 95th percentile of the output age to mean something: ten seconds
START_S = 90.0  # importing torch and loading a model on a busy machine
QUIET_S = 5.0  # how long the last answer may take after the last input


@dataclass(frozen=True)
class DemoConfig:
    """What to run.

    Raises:
        ConfigError: a value is out of range or the graph is unknown.
    """

    data: Path | None = None  # KITTI folder or bag; None: a simulated drive
    graph: str = GRAPH
    frames: int = 20  # of a drive that is simulated or converted; two seconds
    loops: int = 0  # how often the frames are played; 0: until ENOUGH_FRAMES were sent
    rate: float = 1.0
    seed: int = 0
    scale: float = 1.0  # image size of the simulated drive relative to KITTI's
    out: Path = Path("out")
    parameters: Mapping[str, str] = field(
        default_factory=dict
    )  # of the fusion node, e.g. {"fusion": "scadc"}

    def __post_init__(self) -> None:
        if self.graph != GRAPH:
            raise ConfigError(f"no demo for graph {self.graph!r}; there is: {GRAPH}")
        if self.frames < 1 or self.loops < 0 or not self.rate > 0 or not self.scale > 0:
            raise ConfigError(
                f"demo needs frames >= 1, loops >= 0, rate > 0 and scale > 0, got {self.frames}, {self.loops}, "
                f"{self.rate} and {self.scale}"
            )


def run(config: DemoConfig) -> Path:
    """Run the demo, print what came out, and return the path of report.html.

    Raises:
        GeoPerceptionError: the data is unusable, or a process of the graph failed (with its last lines).
    """
    bag = input_bag(config.data, config.out / "bags", config.frames, config.seed, config.scale)
    folder = result_folder("demo", config.out)
    os.environ.update(_isolated())  # this process is part of the graph, too
    loops = config.loops or math.ceil(ENOUGH_FRAMES / bag_info(bag).frames)
    with tempfile.TemporaryFile(dir=folder) as store:
        with playing_node("demo_listener") as (node, spin), Children(folder, os.environ) as children:
            listener = Listener(node, spin, store)
            _start_graph(children, config, bag)
            _wait_for_graph(listener, children)
            sent = _play(bag, config.rate, loops, folder, listener, children)
        return judge(bag, sent, listener, folder, config)


def _isolated() -> dict[str, str]:
    """This machine only, on a ROS domain of its own, even if the caller has one for the robot."""
    return environment({k: v for k, v in os.environ.items() if k != "ROS_DOMAIN_ID"}, localhost=True)


def _start_graph(children: Children, config: DemoConfig, bag: Path) -> None:
    first = next(read_bag(bag))
    matrix = ", ".join(f"{value:.17f}" for value in first.camera_from_lidar.reshape(-1))
    parameters = {"camera_from_lidar": f"[{matrix}]", **config.parameters}
    for name, command in graph_commands(parameters).items():
        children.start(name, command, lasting=True)


def graph_commands(parameters: Mapping[str, Any]) -> dict[str, list[str]]:
    """Name and command line of every node of the graph."""
    from geo_perception.resources import resource

    given = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    defaults = str(resource("config/stereo_lidar_fusion.yaml"))
    module = "geo_perception.ros.nodes.stereo_lidar_fusion"
    command = [sys.executable, "-m", module, "--ros-args", "--params-file", defaults, *given]
    return {"stereo_lidar_fusion": command}


def _wait_for_graph(listener: Listener, children: Children) -> None:
    print("starting the graph ...", file=sys.stderr, flush=True)
    if not listener.wait_until(lambda: listener.connected, START_S, children.check):
        raise DataError(
            f"nothing publishes {DEPTH} after {START_S:g} s; the graph said last:\n{children.all[0].tail}"
        )


def _play(
    bag: Path, rate: float, loops: int, folder: Path, listener: Listener, children: Children
) -> list[Sent]:
    """Replay the bag in a process of its own; returns what it sent."""
    log = folder / "sent.json"
    command = [sys.executable, "-m", "geo_perception.cli", "replay", str(bag), "--restamp"]
    options = ["--loop", str(loops), "--rate", str(rate), "--report", str(log)]
    child = children.start("replay", [*command, *options])
    info = bag_info(bag)
    limit_s = START_S + loops * (info.duration_s / rate + 1.0)
    with tqdm(total=loops * info.frames, desc="answers", unit="frame", disable=None) as bar:
        _listen(listener, children, child, limit_s, bar)
        sent = [Sent(**row) for row in json.loads(log.read_text())["sent"]]
        last_ns = sent[-1].stamp_ns
        outputs = [listener.heard[topic].received_ns for topic in (DEPTH, CONFIDENCE, CLOUD)]
        listener.wait_until(lambda: all(last_ns in one for one in outputs), QUIET_S, children.check)
        bar.update(len(outputs[0]) - bar.n)
    print(f"{len(outputs[0])} of {len(sent)} frames answered", file=sys.stderr, flush=True)
    return sent


def _listen(listener: Listener, children: Children, player: Child, limit_s: float, bar: Any) -> None:
    received = listener.heard[DEPTH].received_ns

    def check() -> None:
        children.check()
        if len(received) > bar.n:
            bar.update(len(received) - bar.n)

    if not listener.wait_until(lambda: player.process.poll() is not None, limit_s, check):
        raise DataError(f"the replay is not over after {limit_s:.0f} s; it said last:\n{player.tail}")
    children.check()
