# SPDX-License-Identifier: Apache-2.0
"""Live evaluation of indoor depth: simulated rooms, RGB-D folders, images, videos and bags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from geo_perception._types import Array
from geo_perception.evaluation import Report
from geo_perception.evaluation.indoor_depth.panels import indoor_highlights, indoor_panels
from geo_perception.evaluation.indoor_depth.run import MODEL, DataSetInfo, IndoorEvaluation
from geo_perception.evaluation.indoor_depth.tables import first_indoor_tables, indoor_tables
from geo_perception.evaluation.metrics import UNSCALED
from geo_perception.evaluation.table import Table
from geo_perception.evaluation.tree import Tree
from geo_perception.evaluation.truth_survey import TYPICAL_FRAMES, survey_truth
from geo_perception.frames import RgbdFrame
from geo_perception.pipelines import IndoorDepth, IndoorDepthConfig
from geo_perception.progress import say
from geo_perception.ros.bags import CAMERA_TOPICS, CameraMessages, read_camera_bag, write_bag
from geo_perception.ros.live_eval.indoor_data import PERIOD_NS, PREFIX, indoor_source
from geo_perception.ros.live_eval.task import BagSource, Received, Request, chosen

ROOM_SIZE, ROOM_VIEW_DEG = (640, 480), 70.0  # as of most cameras that robots carry
VIEWS_PER_ROOM = 5


class IndoorTask:
    """`LiveEvalTask` of indoor depth."""

    world = "room_views"
    size = ROOM_SIZE

    def simulate(self, path: Path, seed: int, frames: int, width: int, height: int) -> None:
        say(f"simulating rooms, kept for the next demo in {path}")
        write_bag(
            path, rooms(seed, frames, width, height), progress=True, total=frames, messages=CameraMessages()
        )

    def simulated(self, path: Path) -> BagSource:
        note = "simulated: depth belongs to the image exactly"
        return BagSource(
            path, CAMERA_TOPICS, PREFIX, kind="simulated rooms", note=note, title="simulated rooms"
        )

    def given(self, request: Request) -> BagSource:
        return indoor_source(request)

    def frames(self, source: BagSource) -> Iterator[RgbdFrame]:
        return read_camera_bag(source.bag, source.topics, windows=source.windows)

    def arguments(self, source: BagSource, given: Mapping[str, str]) -> dict[str, str]:
        """Add the topics of the camera, whatever they are called in the bag."""
        topics = {"image": source.topics.left, "camera_info": source.topics.left_info}
        return {**given, **{name: f"{source.prefix}{topic}" for name, topic in topics.items()}}

    def scorer(self, source: BagSource, parameters: Mapping[str, Any], title: str) -> IndoorScorer:
        data = DataSetInfo(source.name, source.kind, source.note, self._typical_m(source))
        return IndoorScorer(chosen(IndoorDepthConfig, parameters), data, title)

    def _typical_m(self, source: BagSource) -> float:
        """Compute the median over frames of their median depth, NaN without truth; impossible values are reported."""
        if not source.info().has_truth:
            return float("nan")
        truths = (frame.depth_truth_m for frame in islice(self.frames(source), TYPICAL_FRAMES))
        survey = survey_truth(truth for truth in truths if truth is not None)
        for line in survey.remarks() if survey.maps else ():
            say(f"{source.name}: {line}")
        return survey.typical_m


class IndoorScorer:
    """`Scorer` of indoor depth."""

    def __init__(self, config: IndoorDepthConfig, data: DataSetInfo, title: str) -> None:
        self._pipeline, self._data = IndoorDepth(config), data
        self._evaluation = IndoorEvaluation(data_sets=[data])
        self.config = config
        self.report = Report(title, tables=indoor_tables, highlights=indoor_highlights)
        self.time, self.metrics = self._evaluation.time, self._evaluation.metrics

    def add(self, frame: RgbdFrame, received: Received) -> Array:
        direct = self._pipeline(frame.image, frame.camera, received.stamp_ns)
        depths_m = {MODEL: received.depth_m}
        answer = replace(
            direct, depth_m=received.depth_m, stages_ms={}
        )  # stage times of this process are not the node's
        score = self._evaluation.add(self._data, frame, depths_m, answer)
        rmse_m = score.rows[MODEL][UNSCALED].rmse_m if score.rows else float("nan")
        self.report.show(score.heading, rmse_m, lambda: indoor_panels(frame, depths_m, score))
        return direct.depth_m

    def tables(self, metrics: Tree) -> Sequence[Table]:
        return first_indoor_tables(metrics)

    def remarks(self, metrics: Tree) -> Sequence[str]:
        return []


def rooms(seed: int, frames: int, width: int, height: int) -> Iterator[RgbdFrame]:
    """Yield views of one simulated home after another, by one camera."""
    from geo_perception.simulation.rooms import RoomConfig, RoomSimulator

    config = RoomConfig(width=width, height=height, fov_deg=(ROOM_VIEW_DEG, ROOM_VIEW_DEG))
    simulator = RoomSimulator(seed, config)
    for index in range(frames):
        home, view = divmod(index, VIEWS_PER_ROOM)
        if simulator.seed != seed + home:
            simulator = RoomSimulator(seed + home, config)
        frame = simulator.frame(view)
        stamp_ns = (index + 1) * PERIOD_NS
        yield RgbdFrame(f"{index:06d}", frame.left, frame.camera, frame.depth_m, stamp_ns)
