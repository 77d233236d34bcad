# SPDX-License-Identifier: Apache-2.0
"""`geo-perception eval PIPELINE DATA`: offline, in order, nothing dropped, the same numbers on every run."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from tqdm import tqdm

from geo_perception.datasets import FrameDataset, open_dataset
from geo_perception.errors import ConfigError, DataError
from geo_perception.evaluation import Protocol, Report, evaluate, result_folder
from geo_perception.evaluation.estimate import Estimate
from geo_perception.evaluation.evaluate import Observer, Pipeline, limited
from geo_perception.evaluation.protocols import FrameScores
from geo_perception.evaluation.tables import brief_tables
from geo_perception.frames import StereoLidarFrame

if TYPE_CHECKING:  # a pipeline may load torch, which --help does without
    from geo_perception.pipelines import StereoLidarFusion, StereoLidarFusionConfig

PIPELINES = ("stereo_lidar_fusion",)
PRECOMPUTED = "precomputed"
BAG_SUFFIXES = (".mcap", ".db3")

app = typer.Typer(add_completion=False)

Frames = Iterable[StereoLidarFrame]
Disparity = Callable[[StereoLidarFrame], NDArray[np.float32] | None]  # None: the backend computes it


@app.command()
def eval_pipeline(
    pipeline: Annotated[str, typer.Argument(help=f"one of: {', '.join(PIPELINES)}")],
    data: Annotated[Path, typer.Argument(help="KITTI folder (object/stereo, raw drive, odometry) or bag")],
    *,
    stereo: Annotated[str, typer.Option(help="sgbm, psmnet, or precomputed (psmnet_disparity/)")] = "",
    completion: Annotated[str, typer.Option(help="morphology or ssdc")] = "",
    fusion: Annotated[str, typer.Option(help="confidence or scadc")] = "",
    stereo_model: Annotated[str, typer.Option(help="name in models/ or folder")] = "",
    completion_model: Annotated[str, typer.Option(help="name in models/ or folder")] = "",
    fusion_model: Annotated[str, typer.Option(help="name in models/ or folder")] = "",
    device: Annotated[str, typer.Option(help="e.g. cpu, cuda")] = "",
    precision: Annotated[str, typer.Option(help="float32 or bfloat16")] = "",
    compare: Annotated[str, typer.Option(help="further rows: FUSION[:MODEL], separated by commas")] = "",
    cap: Annotated[float, typer.Option(help="truth farther than this [m] is left out")] = Protocol.cap_m,
    limit: Annotated[int | None, typer.Option(help="first N frames only")] = None,
    out: Annotated[Path, typer.Option(help="where the result folder is made")] = Path("out"),
    in_order: Annotated[
        bool, typer.Option("--in-order", help="report the first frames, not the worst")
    ] = False,
) -> None:
    """Score a pipeline on recorded frames; writes report.html, overview.png, metrics.json, config.yaml."""
    if pipeline not in PIPELINES:
        raise ConfigError(f"unknown pipeline {pipeline!r}; there are: {', '.join(PIPELINES)}")
    protocol = Protocol(cap_m=cap)
    config = fusion_config(
        stereo="" if stereo == PRECOMPUTED else stereo,
        completion=completion,
        fusion=fusion,
        stereo_model=stereo_model,
        completion_model=completion_model,
        fusion_model=fusion_model,
        device=device,
        precision=precision,
    )
    frames, total = open_frames(data)
    disparity = precomputed_disparity(frames) if stereo == PRECOMPUTED else no_disparity
    fusions = load_pipelines(config, compare)
    main, *others = (as_pipeline(fusion, disparity) for fusion in fusions.values())
    report = Report(f"{pipeline} on {data}", worst_first=not in_order)
    with progress(report, total if limit is None else min(limit, total)) as observer:
        compared = dict(zip(list(fusions)[1:], others, strict=True))
        evaluation = evaluate(main, limited(frames, limit), protocol, compared, observer)
    metrics = evaluation.metrics()
    described = {"pipeline": pipeline, "data": str(data), "limit": limit, "stereo": stereo or config.stereo}
    path = report.write(result_folder("eval", out), metrics, {**described, **describe(fusions)})
    print("\n\n".join(table.as_text() for table in brief_tables(metrics)))
    print(f"\nreport: {path}")


def fusion_config(**options: str) -> StereoLidarFusionConfig:
    """The pipeline's configuration; empty options keep its defaults."""
    from geo_perception.pipelines import StereoLidarFusionConfig

    given: dict[str, Any] = {name: value for name, value in options.items() if value}
    return StereoLidarFusionConfig(**given)


def load_pipelines(config: StereoLidarFusionConfig, compare: str) -> dict[str, StereoLidarFusion]:
    """The pipeline, and one for each `FUSION[:MODEL]` it is compared with, by row name."""
    from geo_perception.pipelines import StereoLidarFusion

    configs = {"": config}
    for item in filter(None, (part.strip() for part in compare.split(","))):
        fusion, _, model = item.partition(":")
        configs[item] = replace(config, fusion=fusion, fusion_model=model)
    return {name: StereoLidarFusion(c) for name, c in configs.items()}


def open_frames(data: Path) -> tuple[Frames, int]:
    """Frames of a bag or of a data set folder, and how many (of a bag: at most).

    Raises:
        DataError: neither, or damaged.
    """
    if not data.exists():
        raise DataError(f"data {data} does not exist")
    if data.suffix in BAG_SUFFIXES or (data / "metadata.yaml").is_file():
        from geo_perception.ros.bags import bag_info, read_bag

        return read_bag(data), bag_info(data).frames
    frames = open_dataset(data)
    return frames, len(frames)


def precomputed_disparity(frames: Frames) -> Disparity:
    """Looks up each frame's disparity in the data set.

    Raises:
        DataError: the data has none.
    """
    if not isinstance(frames, FrameDataset) or not frames.has_precomputed_disparity:
        raise DataError("--stereo precomputed needs a data set folder with psmnet_disparity/ for every frame")
    index = {files.name: number for number, files in enumerate(frames.files)}
    # The pipeline takes 0 for unknown, as disparity images do.
    return lambda frame: np.nan_to_num(frames.precomputed_disparity(index[frame.name]), nan=0.0)


def no_disparity(frame: StereoLidarFrame) -> None:
    """The pipeline's own stereo backend is to work."""


def as_pipeline(fusion: StereoLidarFusion, disparity: Disparity) -> Pipeline:
    """The pipeline as a function of a frame."""
    return lambda frame: fusion(
        frame.left, frame.right, frame.points_lidar, frame.rig, frame.camera_from_lidar, disparity(frame)
    )


@contextmanager
def progress(report: Report, total: int) -> Iterator[Observer]:
    """A bar on stderr that also hands the frames on to the report."""
    with tqdm(total=total, unit="frame", desc="eval") as bar:

        def observe(frame: StereoLidarFrame, estimate: Estimate, score: FrameScores) -> None:
            report.add(frame, estimate, score)
            bar.update()

        yield observe


def describe(fusions: Mapping[str, StereoLidarFusion]) -> dict[str, Any]:
    """All that decides the numbers: configuration, weights, versions."""
    main = next(iter(fusions.values()))
    weights = {stage: {"network": card.network, "sha256": card.sha256} for stage, card in main.models.items()}
    return {
        "config": asdict(main.config),
        "weights": weights,
        "compare": [name for name in fusions if name],
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "opencv": cv2.__version__},
    }
