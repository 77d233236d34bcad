# SPDX-License-Identifier: Apache-2.0
"""Implementation of `geo-perception eval indoor_depth`: the node's pipeline on RGB-D folders."""

from __future__ import annotations

import logging
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception.cli.eval.bag_options import camera_bag, is_bag_data, read_as
from geo_perception.datasets.rgbd import RgbdDataset, open_rgbd_sets
from geo_perception.errors import ConfigError
from geo_perception.evaluation import Report, result_folder
from geo_perception.evaluation.indoor_depth.baselines import read_mean_map
from geo_perception.evaluation.indoor_depth.panels import indoor_highlights, indoor_panels
from geo_perception.evaluation.indoor_depth.protocol import NATIVE, centre
from geo_perception.evaluation.indoor_depth.run import (
    MODEL,
    DataSetInfo,
    IndoorEvaluation,
    IndoorScores,
    Observer,
    Pipeline,
)
from geo_perception.evaluation.indoor_depth.tables import brief_indoor_tables, indoor_tables
from geo_perception.evaluation.metrics import UNSCALED
from geo_perception.evaluation.table import as_text
from geo_perception.evaluation.truth_survey import TYPICAL_FRAMES, TruthRange, survey_truth
from geo_perception.frames import RgbdFrame
from geo_perception.outputs import check_folder, complete
from geo_perception.pipelines import IndoorDepth, IndoorDepthConfig
from geo_perception.pipelines.indoor_depth.resizing import ON
from geo_perception.progress import Progress, say
from geo_perception.weights import find_model

if TYPE_CHECKING:
    from geo_perception.cli.eval import EvalRequest
    from geo_perception.ros.bags import CameraBag

logger = logging.getLogger(__name__)

# What a compared row may do otherwise: MODEL@noscale, MODEL@nomultiscale+flip, ...
VARIANTS: dict[str, dict[str, Any]] = {
    "noscale": {"scale_by_focal": False},
    "nomultiscale": {"multi_scale": False},
    "flip": {"flip_augmentation": ON},
}
FORMER_VARIANTS = {"noglance": "nomultiscale", "mirror": "flip"}  # accepted for one release more


def run(request: EvalRequest) -> Path:
    """Score the pipeline, print the tables and return the report's path.

    Raises:
        ConfigError, DataError, WeightsError, OutputError: a request that names something missing or unusable.
    """
    check_folder(request.out, "--out")
    if request.limit is not None and request.limit < 1:
        raise ConfigError(f"limit must be at least 1 frame, got {request.limit}")
    box_m = box_distance(request.options["box_at"])
    config = indoor_config(request.options)
    evaluation = IndoorEvaluation(
        request.options["protocol"] or NATIVE, request.cap_m, read_mean_map(find_model(config.model))
    )
    data_sets = open_data(request)
    for data_set in data_sets:
        if isinstance(data_set, RgbdDataset):
            print(
                f"{data_set.root.resolve().name} ({data_set.kind}): {data_set.registration}", file=sys.stderr
            )
    depths = load_pipelines(config, request.compare)
    first, *others = (as_pipeline(depth) for depth in depths.values())
    compared = dict(zip(list(depths)[1:], others, strict=True))
    report = Report(
        f"indoor_depth on {request.data.resolve().name}",
        worst_first=request.worst_first,
        tables=indoor_tables,
        highlights=indoor_highlights,
    )
    protocol = evaluation.protocol
    truth = TruthRange(protocol.min_truth_m)
    with progress(report, sum(map(len, data_sets)), box_m, truth, protocol.crop) as observer:
        for data_set in data_sets:
            for depth in depths.values():
                depth.reset()
            evaluation.run(describe_set(data_set), data_set, first, compared, observer)
    truth.check_cap(request.cap_m)
    metrics = evaluation.metrics()
    described: dict[str, Any] = {
        "pipeline": request.pipeline,
        "data": str(request.data),
        "limit": request.limit,
    }
    described["read"] = read_as(request)
    with complete(result_folder("eval", request.out)) as folder:
        path = report.write(folder, metrics, {**described, **describe(depths)})
    print(as_text(brief_indoor_tables(metrics)))
    return path


def indoor_config(options: Mapping[str, str]) -> IndoorDepthConfig:
    """Make the pipeline's configuration; empty options keep its defaults.

    Data sets seldom state the time between their frames, so that each stands alone unless they are a `sequence`.
    """
    given: dict[str, Any] = {
        name: options[name] for name in ("model", "device", "precision") if options.get(name)
    }
    return IndoorDepthConfig(**given) if options.get("sequence") else IndoorDepthConfig(**given, max_gap_s=0)


def load_pipelines(config: IndoorDepthConfig, compare: str) -> dict[str, IndoorDepth]:
    """Load the pipeline, and one for each `MODEL[@VARIANT[+VARIANT]]` it is compared with, by row name.

    Raises:
        ConfigError: something other than VARIANTS after an @.
    """
    configs = {MODEL: config}
    for item in filter(None, (part.strip() for part in compare.split(","))):
        model, at, how = item.partition("@")
        changes: dict[str, Any] = {}
        for name in map(present_variant, how.split("+")) if at else ():
            if name not in VARIANTS:
                raise ConfigError(f"compare {item!r}: behind @ only {', '.join(VARIANTS)} are allowed")
            changes |= VARIANTS[name]
        configs[item] = replace(config, model=model or config.model, **changes)
    return {name: IndoorDepth(c) for name, c in configs.items()}


def present_variant(name: str) -> str:
    """Return a variant's present name, with a warning for a former one."""
    if name in FORMER_VARIANTS:
        logger.warning("compare: @%s is called @%s now", name, FORMER_VARIANTS[name])
    return FORMER_VARIANTS.get(name, name)


def open_data(request: EvalRequest) -> Sequence[RgbdDataset | CameraBag]:
    """Open the data sets of a folder, or a bag, limited to the requested number of frames each.

    Raises:
        DataError: neither a data set nor a bag.
        ConfigError: options of bags for a folder, or invalid values.
    """
    unit = request.options["depth_unit"]
    if is_bag_data(request):
        if unit:
            raise ConfigError(
                f"--depth-unit is for folders; {request.data} is a bag, whose depth has encodings"
            )
        return [camera_bag(request)]
    return [part[: request.limit] for part in open_rgbd_sets(request.data, unit)]


def describe_set(data_set: RgbdDataset | CameraBag) -> DataSetInfo:
    """Describe a data set by name and median depth; log assumptions about its depth and impossible values.

    Raises:
        DataError: a depth map cannot be read, or there is no depth at all.
    """
    step = max(1, len(data_set) // TYPICAL_FRAMES)
    truths: Iterable[NDArray[np.float32]]
    if isinstance(data_set, RgbdDataset):
        truths = (data_set.truth(index) for index in range(0, len(data_set), step))
    else:
        truths = data_set.truths(step)
    survey, name = survey_truth(truths), data_set.root.resolve().name
    assumed = data_set.assumptions() if isinstance(data_set, RgbdDataset) else []
    for line in (*assumed, *survey.remarks()):
        say(f"{name}: {line}")
    registration = "; ".join((data_set.registration, *assumed[:1]))
    return DataSetInfo(name, data_set.kind, registration, survey.checked_typical_m())


def as_pipeline(depth: IndoorDepth) -> Pipeline:
    """Wrap the pipeline as a function of a frame."""
    return lambda frame: depth(frame.image, frame.camera)


def box_distance(text: str) -> float | None:
    """Parse a distance in metres, None for an empty text. Raises ConfigError."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.5 <= value <= 10:
        raise ConfigError(f"box-at must be 0.5 to 10 metres, got {text!r}")
    return value


@contextmanager
def progress(
    report: Report, total: int, box_m: float | None, truth: TruthRange, crop: tuple[int, int] | None
) -> Iterator[Observer]:
    """Show a progress bar; its observer adds each frame to the report, and its truth, cropped, to `truth`."""
    with Progress("evaluating", total) as bar:

        def observe(frame: RgbdFrame, depths_m: dict[str, Any], score: IndoorScores) -> None:
            rmse_m = score.rows[MODEL][UNSCALED].rmse_m if score.rows else float("nan")
            report.show(score.heading, rmse_m, lambda: indoor_panels(frame, depths_m, score, box_m))
            if frame.depth_truth_m is not None:
                truth.add(centre(frame.depth_truth_m, crop))
            bar.update()

        yield observe


def describe(depths: Mapping[str, IndoorDepth]) -> dict[str, Any]:
    """Describe all that decides the numbers: configurations, weights, versions."""
    import torch

    return {
        "config": {name: asdict(depth.config) for name, depth in depths.items()},
        "weights": {
            name: {
                stage: {"network": card.network, "sha256": card.sha256}
                for stage, card in depth.models.items()
            }
            for name, depth in depths.items()
        },
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            "torch": str(torch.__version__),
        },
    }
