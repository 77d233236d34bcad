# SPDX-License-Identifier: Apache-2.0
"""Interface between a live evaluation and a graph: data to play, arguments at start, and scoring of results."""

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
    """Request for data to play."""

    data: Path | None  # None: the simulated world of the graph
    folder: Path  # folder in which converted and simulated bags are kept
    frames: int = 20  # to convert at most, to simulate exactly
    seed: int = 0  # of the simulated world
    scale: float = 1.0  # image size of the simulated world
    lens: Lens | None = None  # of images that come without their camera
    arguments: Mapping[str, str] = field(default_factory=dict)  # of the graph
    depth_unit: str = ""  # of an RGB-D folder's depth files, as stated; empty: as its kind has it

    @property
    def path(self) -> Path:
        """Return the path of the data, which must be given."""
        assert self.data is not None
        return self.data


@dataclass(frozen=True)
class BagSource:
    """A bag, and the topics of the graph's inputs in it."""

    bag: Path
    topics: BagTopics = DEFAULT_TOPICS
    prefix: str = (
        ""  # put before its topics when played, so that none of them is taken for an output of the graph
    )
    windows: MatchWindows = field(
        default_factory=MatchWindows
    )  # how far apart the stamps of a frame's messages may be
    kind: str = "bag"
    note: str = ""  # remark on its truth
    pose: NDArray[np.float64] | None = None  # of the lidar, camera_from_lidar; None: from /tf_static
    title: str = ""  # for people; empty: the bag's name

    @property
    def name(self) -> str:
        """Name of the bag in messages and reports."""
        return self.title or self.bag.name

    def info(self) -> BagInfo:
        """Describe the bag.

        Raises:
            DataError: it lacks a topic, has no message on one, or not a CameraInfo for each image.
        """
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
    """Result of the graph for a frame."""

    depth_m: Array  # (H, W)
    confidence: Array | None
    stamp_ns: int  # of the frame as it was sent


class Scorer(Protocol):
    """Scores a graph's results beside those of the same pipeline called directly."""

    @property
    def config(self) -> Any: ...
    @property
    def report(self) -> Report: ...
    def add(self, frame: Any, received: Received) -> Array:
        """Score a result and keep its panels; return the depth (H, W) of the pipeline called directly, metres."""
        ...

    def time(self, name: str, sent_ns: int, received_ns: int | None) -> None:
        """Record when a frame was sent and its result received; None = never."""
        ...

    def metrics(self) -> Tree: ...
    def tables(self, metrics: Tree) -> Sequence[Table]:
        """Make the tables of the terminal."""
        ...

    def remarks(self, metrics: Tree) -> Sequence[str]:
        """List remarks beside the tables: why depth may be wrong."""
        ...


class LiveEvalTask(Protocol):
    """Part of a live evaluation that is specific to a graph."""

    @property
    def world(self) -> str:
        """Name of the simulated world in that of the kept bag."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of simulated images at scale 1."""
        ...

    def simulate(self, path: Path, seed: int, frames: int, width: int, height: int) -> None:
        """Write the simulated world as a bag."""
        ...

    def simulated(self, path: Path) -> BagSource:
        """Describe that bag as a source."""
        ...

    def given(self, request: Request) -> BagSource:
        """Convert the user's existing data to a bag. Raises GeoPerceptionError if they cannot be played."""
        ...

    def frames(self, source: BagSource) -> Iterator[Any]:
        """Read the frames of the bag, which have a name and a stamp_ns."""
        ...

    def arguments(self, source: BagSource, given: Mapping[str, str]) -> dict[str, str]:
        """Return the graph's arguments for this bag, including the user's."""
        ...

    def scorer(self, source: BagSource, parameters: Mapping[str, Any], title: str) -> Scorer:
        """Make a scorer with the pipeline that the node's parameters describe."""
        ...


def chosen(config: type[Any], parameters: Mapping[str, Any]) -> Any:
    """Make a pipeline's configuration from a node's parameters."""
    names = config.__dataclass_fields__
    return config(**{name: value for name, value in parameters.items() if name in names})
