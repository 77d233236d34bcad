# SPDX-License-Identifier: Apache-2.0
"""`geo-perception eval PIPELINE DATA`: offline, in order, nothing dropped, the same numbers on every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from geo_perception.errors import ConfigError

app = typer.Typer(add_completion=False)

# Pipeline -> module with `run`, and the options that only some pipelines know.
PIPELINES: dict[str, str] = {
    "stereo_lidar_fusion": "geo_perception.cli.eval_run",
    "indoor_depth": "geo_perception.cli.eval_indoor",
}
FUSION_OPTIONS = (
    "stereo",
    "completion",
    "fusion",
    "stereo_model",
    "completion_model",
    "fusion_model",
    "unknown",
)
INDOOR_OPTIONS = ("model", "protocol", "box_at", "sequence")
OWN_OPTIONS = {"stereo_lidar_fusion": FUSION_OPTIONS, "indoor_depth": INDOOR_OPTIONS}


@dataclass(frozen=True)
class EvalRequest:
    """What every pipeline's evaluation is asked for."""

    pipeline: str
    data: Path  # data set folder or bag
    options: Mapping[str, str]  # of the pipeline; empty values keep its defaults
    compare: str  # further rows, separated by commas
    cap_m: float | None  # truth farther than this is left out; None: the protocol's default
    limit: int | None  # number of frames, or None for all
    out: Path  # where the result folder is made
    worst_first: bool  # the report shows the worst frames first, else the first ones
    bag: Mapping[str, str] = field(default_factory=dict)  # options that only bags know, where they are given
    remap: Sequence[str] = ()  # FROM:=TO, topic of the bag and what it is to be taken for


@app.command()
def eval_pipeline(
    pipeline: Annotated[str, typer.Argument(help="stereo_lidar_fusion or indoor_depth")],
    data: Annotated[
        Path,
        typer.Argument(
            help="KITTI folder (object/stereo, raw drive, odometry) or bag; for indoor_depth an RGB-D folder "
            "(7-Scenes, Redwood, TUM, NYU, SUN, VA, SimSIN) or a folder of such folders"
        ),
    ],
    *,
    stereo: Annotated[str, typer.Option(help="sgbm, psmnet, or precomputed (psmnet_disparity/)")] = "",
    completion: Annotated[str, typer.Option(help="morphology or ssdc")] = "",
    fusion: Annotated[str, typer.Option(help="scadc or confidence")] = "",
    stereo_model: Annotated[str, typer.Option(help="name in models/ or folder")] = "",
    completion_model: Annotated[str, typer.Option(help="name in models/ or folder")] = "",
    fusion_model: Annotated[str, typer.Option(help="name in models/ or folder")] = "",
    unknown: Annotated[str, typer.Option(help="depth of what nothing measured: nan or limit")] = "",
    model: Annotated[str, typer.Option(help="indoor_depth: name in models/ or folder")] = "",
    protocol: Annotated[str, typer.Option(help="indoor_depth: native, va, nyuv2, va_multi_frame")] = "",
    box_at: Annotated[str, typer.Option(help="indoor_depth: distance of the virtual box [m]")] = "",
    sequence: Annotated[
        bool,
        typer.Option(help="indoor_depth: frames follow one another; models of several frames compare them"),
    ] = False,
    device: Annotated[str, typer.Option(help="e.g. cpu, cuda")] = "",
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16")] = "",
    compare: Annotated[
        str,
        typer.Option(
            help="further rows, separated by commas: FUSION[:MODEL]; indoor_depth: MODEL[@HOW], with HOW of noscale, "
            "noglance, mirror, joined by +"
        ),
    ] = "",
    cap: Annotated[
        float | None, typer.Option(help="truth farther than this [m] is left out: 80, indoors 10")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="first N frames only (of each data set)")] = None,
    out: Annotated[Path, typer.Option(help="where the result folder is made")] = Path("out"),
    in_order: Annotated[
        bool, typer.Option("--in-order", help="report the first frames, not the worst")
    ] = False,
    stereo_window_s: Annotated[
        str, typer.Option(help="bags: largest time between left image and right image or CameraInfo: 0.01")
    ] = "",
    lidar_window_s: Annotated[
        str, typer.Option(help="bags: largest time between left image and sweep: 0.06")
    ] = "",
    right_offset_s: Annotated[
        str, typer.Option(help="bags: how much later the right camera stamps the same moment: 0")
    ] = "",
    lidar_offset_s: Annotated[
        str, typer.Option(help="bags: how much later the lidar stamps the same moment: 0")
    ] = "",
    camera_from_lidar: Annotated[
        str, typer.Option(help="bags: lidar to left camera, 16 values of the 4x4, row major; else /tf_static")
    ] = "",
    remap: Annotated[
        list[str] | None,
        typer.Option(help="bags: FROM:=TO, a topic and what it is to be taken for; may be repeated"),
    ] = None,
) -> None:
    """Score a pipeline on recorded frames; writes report.html, overview.png, metrics.json, config.yaml."""
    given = {
        "stereo": stereo,
        "completion": completion,
        "fusion": fusion,
        "stereo_model": stereo_model,
        "completion_model": completion_model,
        "fusion_model": fusion_model,
        "unknown": unknown,
        "model": model,
        "protocol": protocol,
        "box_at": box_at,
        "sequence": "true" if sequence else "",
        "device": device,
        "precision": precision,
    }
    bag = {
        "stereo_window_s": stereo_window_s,
        "lidar_window_s": lidar_window_s,
        "right_offset_s": right_offset_s,
        "lidar_offset_s": lidar_offset_s,
        "camera_from_lidar": camera_from_lidar,
    }
    bag = {name: value for name, value in bag.items() if value}
    options = options_of(pipeline, given)
    run: Any = import_module(PIPELINES[pipeline]).run
    request = EvalRequest(
        pipeline, data, options, compare, cap, limit, out, not in_order, bag, tuple(remap or ())
    )
    print(f"\nreport: {run(request)}")


def options_of(pipeline: str, given: Mapping[str, str]) -> dict[str, str]:
    """The pipeline's own options. Raises ConfigError: unknown pipeline, or an option of another one is set."""
    if pipeline not in PIPELINES:
        raise ConfigError(f"unknown pipeline {pipeline!r}; there are: {', '.join(PIPELINES)}")
    foreign = {name for options in OWN_OPTIONS.values() for name in options} - set(OWN_OPTIONS[pipeline])
    wrong = [f"--{name.replace('_', '-')}" for name in given if name in foreign and given[name]]
    if wrong:
        raise ConfigError(f"{pipeline} has no option {', '.join(wrong)}")
    return {name: value for name, value in given.items() if name not in foreign}
