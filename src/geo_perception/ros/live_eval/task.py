# SPDX-License-Identifier: Apache-2.0
"""What a demo needs to know of a graph: data to play, arguments at start, and a judge of its answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.datasets.rgbd.camera_source import Lens
from geo_perception.errors import DataError
from geo_perception.evaluation.report import Report
from geo_perception.evaluation.table import Table
from geo_perception.evaluation.tree import Tree
from geo_perception.ros.bags import DEFAULT_TOPICS, BagInfo, BagTopics, MatchWindows, bag_info


@dataclass(frozen=True)
class Request:
    """What is to be played."""

    data: Path | None  # None: the simulated world of the graph
    folder: Path  # where bags that are made here are kept
    frames: int = 20  # to convert at most, to simulate exactly
    seed: int = 0  # of the simulated world
    scale: float = 1.0  # image size of the simulated world
    lens: Lens | None = None  # of images that do not bring their camera
    arguments: Mapping[str, str] = field(default_factory=dict)  # of the graph
    depth_unit: str = ""  # of an RGB-D folder's depth files, as stated; empty: as its kind has it

    @property
    def path(self) -> Path:
        """The data, which must be given."""
        assert self.data is not None
        return self.data


@dataclass(frozen=True)
class BagSource:
    """A bag, and where in it the graph's inputs are."""

    bag: Path
    topics: BagTopics = DEFAULT_TOPICS
    prefix: str = (
        ""  # before its topics when played, so that none of them is taken for an output of the graph
    )
    windows: MatchWindows = field(
        default_factory=MatchWindows
    )  # how far apart the stamps of a frame's parts may be
    kind: str = "bag"
    note: str = ""  # what is known of its truth
    pose: NDArray[np.float64] | None = None  # of the lidar, camera_from_lidar; None: as /tf_static says
    title: str = ""  # for people; empty: the bag's name

    @property
    def name(self) -> str:
        """What people call it."""
        return self.title or self.bag.name

    def info(self) -> BagInfo:
        """Raises DataError if the bag lacks a topic, has nothing on one, or not a CameraInfo with each image."""
        info = bag_info(self.bag, self.topics)
        if few := info.infrequent_infos:
            raise DataError(
                f"bag {self.bag} has far fewer messages on {', '.join(few)} than images, and nodes take a CameraInfo "
                "with each; eval takes the bag as it is"
            )
        if info.missing:
            raise DataError(f"bag {self.bag} lacks {', '.join(info.missing)}")
        if not info.frames:
            raise DataError(
                f"bag {self.bag} has no message on one of {', '.join(self.topics.required.values())}"
            )
        return info


@dataclass(frozen=True)
class Received:
    """What the graph answered to a frame."""

    depth_m: Array  # (H, W)
    confidence: Array | None
    stamp_ns: int  # of the frame as it was sent


class Scorer(Protocol):
    """Scores what a graph published, beside what the same pipeline gives when it is called directly."""

    @property
    def config(self) -> Any: ...
    @property
    def report(self) -> Report: ...
    def add(self, frame: Any, received: Received) -> Array:
        """Score an answer and keep its pictures; returns the depth that the pipeline gives directly."""
        ...

    def time(self, name: str, sent_ns: int, received_ns: int | None) -> None:
        """When a frame was sent and its answer came; None = never."""
        ...

    def metrics(self) -> Tree: ...
    def tables(self, metrics: Tree) -> Sequence[Table]:
        """What the terminal shows."""
        ...

    def remarks(self, metrics: Tree) -> Sequence[str]:
        """What a user should know beside the tables: why depth may be wrong."""
        ...


class LiveEvalTask(Protocol):
    """One graph's part of the demo."""

    @property
    def world(self) -> str:
        """Of the simulation, in the name of the kept bag."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the simulation at scale 1."""
        ...

    def simulate(self, path: Path, seed: int, frames: int, width: int, height: int) -> None:
        """Write the simulated world as a bag."""
        ...

    def simulated(self, path: Path) -> BagSource:
        """That bag."""
        ...

    def given(self, request: Request) -> BagSource:
        """The user's data, which exist, as a bag. Raises GeoPerceptionError if they cannot be played."""
        ...

    def frames(self, source: BagSource) -> Iterator[Any]:
        """What is in the bag; frames have a name and a stamp_ns."""
        ...

    def arguments(self, source: BagSource, given: Mapping[str, str]) -> dict[str, str]:
        """The graph's arguments for this bag, the user's among them."""
        ...

    def scorer(self, source: BagSource, parameters: Mapping[str, Any], title: str) -> Scorer:
        """A judge with the pipeline that the node's parameters describe."""
        ...


def chosen(config: type[Any], parameters: Mapping[str, Any]) -> Any:
    """A pipeline's configuration out of a node's parameters."""
    names = config.__dataclass_fields__
    return config(**{name: value for name, value in parameters.items() if name in names})
