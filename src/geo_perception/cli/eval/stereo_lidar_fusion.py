# SPDX-License-Identifier: Apache-2.0
"""Implementation of `geo-perception eval stereo_lidar_fusion`, apart from the options, which need no pipeline."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception.cli.eval.bag_options import is_bag_data, pose_of, read_as, topics_of, windows_of
from geo_perception.datasets import FrameDataset, open_dataset
from geo_perception.errors import DataError
from geo_perception.evaluation import result_folder
from geo_perception.evaluation.stereo_lidar_fusion import FusionProtocol, FusionReport, evaluate
from geo_perception.evaluation.stereo_lidar_fusion.estimate import Estimate
from geo_perception.evaluation.stereo_lidar_fusion.protocol import FrameScores
from geo_perception.evaluation.stereo_lidar_fusion.run import Observer, Pipeline, limited
from geo_perception.evaluation.stereo_lidar_fusion.tables import brief_tables, lidar_remarks
from geo_perception.evaluation.table import as_text
from geo_perception.evaluation.truth_survey import TruthRange
from geo_perception.frames import StereoLidarFrame
from geo_perception.outputs import check_folder, complete
from geo_perception.pipelines import StereoLidarFusion, StereoLidarFusionConfig
from geo_perception.progress import Progress, say

if TYPE_CHECKING:
    from geo_perception.cli.eval import EvalRequest

PRECOMPUTED = "precomputed"

Frames = Iterable[StereoLidarFrame]
Disparity = Callable[[StereoLidarFrame], NDArray[np.float32] | None]  # None: the backend computes it


def run(request: EvalRequest) -> Path:
    """Score the pipeline, print the tables and return the report's path.

    Raises:
        ConfigError, DataError, WeightsError, OutputError: a request that names something missing or unusable.
    """
    check_folder(request.out, "--out")
    options, limit = request.options, request.limit
    protocol = FusionProtocol() if request.cap_m is None else FusionProtocol(cap_m=request.cap_m)
    precomputed = options["stereo"] == PRECOMPUTED
    config = fusion_config({**options, "stereo": "" if precomputed else options["stereo"]})
    frames, total = open_frames(request)
    disparity = precomputed_disparity(frames) if precomputed else no_disparity
    fusions = load_pipelines(config, request.compare)
    first, *others = (as_pipeline(fusion, disparity) for fusion in fusions.values())
    compared = dict(zip(list(fusions)[1:], others, strict=True))
    report = FusionReport(
        f"{request.pipeline} on {request.data.resolve().name}", worst_first=request.worst_first
    )
    truth = TruthRange()
    with progress(report, truth, total if limit is None else min(limit, total)) as observer:
        evaluation = evaluate(first, limited(frames, limit), protocol, compared, observer)
    truth.check_cap(request.cap_m)
    metrics = evaluation.metrics()
    stereo = PRECOMPUTED if precomputed else config.stereo
    described: dict[str, Any] = {
        "pipeline": request.pipeline,
        "data": str(request.data),
        "limit": limit,
        "stereo": stereo,
    }
    described["read"] = read_as(request)
    with complete(result_folder("eval", request.out)) as folder:
        path = report.write(folder, metrics, {**described, **describe(fusions)})
    print(as_text(brief_tables(metrics)))
    for line in lidar_remarks(metrics):
        say(line)
    return path


def fusion_config(options: Mapping[str, str]) -> StereoLidarFusionConfig:
    """Make the pipeline's configuration; empty options keep its defaults."""
    given: dict[str, Any] = {name: value for name, value in options.items() if value}
    return StereoLidarFusionConfig(**given)


def load_pipelines(config: StereoLidarFusionConfig, compare: str) -> dict[str, StereoLidarFusion]:
    """Load the pipeline, and one for each `FUSION[:MODEL]` it is compared with, by row name."""
    configs = {"": config}
    for item in filter(None, (part.strip() for part in compare.split(","))):
        fusion, _, model = item.partition(":")
        configs[item] = replace(config, fusion=fusion, fusion_model=model)
    return {name: StereoLidarFusion(c) for name, c in configs.items()}


def open_frames(request: EvalRequest) -> tuple[Frames, int]:
    """Open the frames of a bag or of a data set folder, and count them (of a bag: an upper bound).

    Raises:
        DataError: neither a data set nor a bag, or damaged.
        ConfigError: options of bags for a folder, or invalid values.
    """
    if is_bag_data(request):
        from geo_perception.ros.bags import DEFAULT_TOPICS, bag_info, read_bag

        topics = topics_of(request, DEFAULT_TOPICS)
        frames = read_bag(
            request.data, topics, windows=windows_of(request), camera_from_lidar=pose_of(request)
        )
        return frames, bag_info(request.data, topics).frames
    data_set = open_dataset(request.data)
    return data_set, len(data_set)


def precomputed_disparity(frames: Frames) -> Disparity:
    """Make a function that looks up each frame's disparity in the data set.

    Raises:
        DataError: the data have no precomputed disparity.
    """
    if not isinstance(frames, FrameDataset) or not frames.has_precomputed_disparity:
        raise DataError("--stereo precomputed needs a data set folder with psmnet_disparity/ for every frame")
    index = {files.name: number for number, files in enumerate(frames.files)}
    # The pipeline takes 0 for unknown, as disparity images do.
    return lambda frame: np.nan_to_num(frames.precomputed_disparity(index[frame.name]), nan=0.0)


def no_disparity(frame: StereoLidarFrame) -> None:
    """Return None, so that the pipeline's own stereo stage computes disparity."""


def as_pipeline(fusion: StereoLidarFusion, disparity: Disparity) -> Pipeline:
    """Wrap the pipeline as a function of a frame."""
    return lambda frame: fusion(
        frame.left, frame.right, frame.points_lidar, frame.rig, frame.camera_from_lidar, disparity(frame)
    )


@contextmanager
def progress(report: FusionReport, truth: TruthRange, total: int) -> Iterator[Observer]:
    """Show a progress bar; its observer adds each frame to the report, and its truth to the range."""
    with Progress("evaluating", total) as bar:

        def observe(frame: StereoLidarFrame, estimate: Estimate, score: FrameScores) -> None:
            report.add(frame, estimate, score)
            if frame.depth_truth_m is not None:
                truth.add(frame.depth_truth_m)
            bar.update()

        yield observe


def describe(fusions: Mapping[str, StereoLidarFusion]) -> dict[str, Any]:
    """Describe all that decides the numbers: configuration, weights, versions."""
    main = next(iter(fusions.values()))
    weights = {stage: {"network": card.network, "sha256": card.sha256} for stage, card in main.models.items()}
    return {
        "config": asdict(main.config),
        "weights": weights,
        "compare": [name for name in fusions if name],
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "opencv": cv2.__version__},
    }
