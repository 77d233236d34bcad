# SPDX-License-Identifier: Apache-2.0
"""Run of a live evaluation: graph and replay in processes of their own, recording, then scoring.

The bag is played twice: in lockstep, so that accuracy is that of every frame whatever the machine's speed, then in
real time for output age and drops.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from geo_perception.datasets.rgbd.camera_source import Lens
from geo_perception.errors import ConfigError, DataError
from geo_perception.evaluation import result_folder
from geo_perception.progress import say
from geo_perception.ros.graphs import find_graph
from geo_perception.ros.live_eval.bag_source import source_of
from geo_perception.ros.live_eval.bars import PhaseBars
from geo_perception.ros.live_eval.leftovers import Mark, remove_leftovers, running_in
from geo_perception.ros.live_eval.phases import LOCKSTEP, PHASE_TITLES, REAL_TIME, report_path
from geo_perception.ros.live_eval.recorder import DEPTH, Recorder
from geo_perception.ros.live_eval.scoring import Run, scorer
from geo_perception.ros.live_eval.task import BagSource, Request
from geo_perception.ros.live_eval.tasks import task_of
from geo_perception.ros.replay import Sent
from geo_perception.ros.replay.player import playing_node
from geo_perception.ros.runtime.process_group import Child, ProcessGroup
from geo_perception.ros.runtime.transport import environment

ENOUGH_FRAMES = 100  # for the 95th percentile of the output age to mean something: ten seconds
FRAMES, LOOPS, RATES, SCALES = (1, 100_000), (0, 1_000_000), (0.01, 100.0), (0.1, 3.0)  # allowed ranges
START_S = 90.0  # importing torch and loading a model on a busy machine
ANSWER_S = 60.0  # for one frame in lockstep: stereo networks take seconds on a processor
QUIET_S = 5.0  # how long the last result may take after the last input


@dataclass(frozen=True)
class DemoConfig:
    """Options of a live evaluation.

    Raises:
        ConfigError: a value is out of range or the graph is unknown.
    """

    data: Path | None = None  # data that the graph's task can play; None: its simulated world
    graph: str = "kitti_fusion"
    frames: int = 20  # number of frames to simulate or convert; two seconds
    loops: int = 0  # passes in real time; 0: until ENOUGH_FRAMES were sent
    rate: float = 1.0
    seed: int = 0
    scale: float = 1.0  # image size of the simulation; 1: 1242x375 in a street, 640x480 in rooms
    out: Path = Path("out")
    arguments: Mapping[str, str] = field(default_factory=dict)  # of the graph, e.g. {"fusion": "scadc"}
    lens: Lens | None = None  # of images that come without their camera
    depth_unit: str = ""  # of an RGB-D folder's depth files, as stated

    def __post_init__(self) -> None:
        find_graph(self.graph).values(self.arguments)
        task_of(self.graph)
        _check_range("frames", self.frames, FRAMES)
        _check_range("loop", self.loops, LOOPS)
        _check_range("rate", self.rate, RATES)
        _check_range("scale", self.scale, SCALES)
        if self.data is None and self.lens is not None:
            raise ConfigError(
                "--hfov and --camera are for images of yours: the simulated world has its camera"
            )


def _check_range(name: str, value: float, allowed: tuple[float, float]) -> None:
    if not allowed[0] <= value <= allowed[1]:  # nor NaN
        raise ConfigError(f"--{name} must be {allowed[0]:g} to {allowed[1]:g}, got {value:g}")


def run(config: DemoConfig) -> Path:
    """Run a live evaluation, print its results, and return the path of report.html.

    Raises:
        GeoPerceptionError: the data is unusable, or a process of the graph failed (with its last lines).
    """
    if left := remove_leftovers(config.out):
        say(left)
    source = source_of(_request(config), task_of(config.graph))
    os.environ.update(_isolated())  # this process is part of the graph, too
    folder = result_folder("demo", config.out)
    with running_in(folder) as mark:
        return _run(config, source, folder, mark)


def _run(config: DemoConfig, source: BagSource, folder: Path, mark: Mark) -> Path:
    loops = config.loops or math.ceil(ENOUGH_FRAMES / source.info().frames)
    with tempfile.TemporaryFile(dir=folder) as store:
        with playing_node("demo_listener") as (node, spin), ProcessGroup(folder, os.environ) as children:
            recorder = Recorder(node, spin, store)
            given = _start_graph(children, config, source)
            _wait_for_graph(recorder, children)
            play = Play(source, folder, recorder, children, mark)
            play(loops, config.rate)
        played = Run(source, config.graph, given, play.sent(LOCKSTEP), play.sent(REAL_TIME))
        return scorer(played, recorder, folder)


def _request(config: DemoConfig) -> Request:
    names = ("frames", "seed", "scale", "lens", "arguments", "depth_unit")
    options = {name: getattr(config, name) for name in names}
    return Request(config.data, config.out / "bags", **options)


def _isolated() -> dict[str, str]:
    """Return the environment that keeps traffic on this machine, on a ROS domain other than the caller's."""
    return environment({k: v for k, v in os.environ.items() if k != "ROS_DOMAIN_ID"}, localhost=True)


def _start_graph(children: ProcessGroup, config: DemoConfig, source: BagSource) -> dict[str, str]:
    """Start every node; return the graph's arguments."""
    given = task_of(config.graph).arguments(source, config.arguments)
    for start in find_graph(config.graph).starts(given):
        children.start(start.spec.executable, start.command, lasting=True)
    return given


def _wait_for_graph(recorder: Recorder, children: ProcessGroup) -> None:
    say(f"starting the node {children.all[0].name} ...")
    if not recorder.wait_until(lambda: recorder.connected, START_S, children.check):
        raise DataError(
            f"nothing publishes {DEPTH} after {START_S:g} s; the node said last:\n{children.all[0].tail}"
        )


class Play:
    """Replay in a process of its own."""

    def __init__(
        self, source: BagSource, folder: Path, recorder: Recorder, children: ProcessGroup, mark: Mark
    ) -> None:
        self._source, self._folder, self._listener, self._children = source, folder, recorder, children
        self._mark = mark
        self._info = source.info()

    def __call__(self, loops: int, rate: float) -> None:
        """Play to the end and receive the last result."""
        self._note_memory()
        module, source = "geo_perception.ros.live_eval.replay_process", self._source
        how = {
            "topics": asdict(source.topics),
            "prefix": source.prefix,
            "windows": asdict(source.windows),
        }
        options = [str(loops), str(rate), str(ANSWER_S), json.dumps(how)]
        command = [sys.executable, "-m", module, str(source.bag), str(self._folder), *options]
        child = self._children.start("replay", command)
        one_pass_s = self._info.duration_s / rate + 1.0
        limit_s = START_S + ANSWER_S * self._info.frames + loops * one_pass_s
        period_s = self._info.duration_s / max(self._info.frames - 1, 1)
        with PhaseBars(self._info.frames, math.ceil(loops * self._info.frames * period_s / rate)) as bars:
            self._listen(child, limit_s, bars)
        self._say(REAL_TIME)

    def sent(self, phase: str) -> list[Sent]:
        """Read what was sent in a phase that is over."""
        content = json.loads(report_path(self._folder, phase).read_text())
        return [Sent(**row) for row in content["sent"]]

    def _listen(self, player: Child, limit_s: float, bars: PhaseBars) -> None:
        received = self._listener.heard[DEPTH].received_ns
        lockstep = report_path(self._folder, LOCKSTEP)

        def check() -> None:
            self._children.check()
            bars.show(len(received))
            if self._listener.keeping and lockstep.exists() and self._caught_up(lockstep):
                self._listener.keeping = False
                self._note_memory()
                bars.next_phase()
                self._say(LOCKSTEP)

        over = self._listener.wait_until(lambda: player.process.poll() is not None, limit_s, check)
        if not over:
            raise DataError(f"the replay is not over after {limit_s:.0f} s; it said last:\n{player.tail}")
        self._children.check()
        last_ns = self.sent(REAL_TIME)[-1].stamp_ns
        outputs = [heard.received_ns for heard in self._listener.heard.values()]
        self._listener.wait_until(lambda: all(last_ns in one for one in outputs), QUIET_S, check)

    def _caught_up(self, lockstep: Path) -> bool:
        """Return whether the last lockstep results have arrived: on a busy machine the replay may get them first."""
        last_ns = self.sent(LOCKSTEP)[-1].stamp_ns
        heard = {topic: heard.received_ns for topic, heard in self._listener.heard.items()}
        here = last_ns in heard[DEPTH] and all(last_ns in one for one in heard.values() if one)
        return here or time.time() - lockstep.stat().st_mtime > QUIET_S

    def _note_memory(self) -> None:
        """Record the shared memory of all processes running by now, in case this one is killed."""
        self._mark.note_memory_of([os.getpid(), *(child.process.pid for child in self._children.all)])

    def _say(self, phase: str) -> None:
        sent, received_ns = self.sent(phase), self._listener.heard[DEPTH].received_ns
        answered = sum(one.stamp_ns in received_ns for one in sent)
        say(f"{PHASE_TITLES[phase]}: {answered} of {len(sent)} frames answered")
