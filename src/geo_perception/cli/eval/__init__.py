# SPDX-License-Identifier: Apache-2.0
"""`geo-perception eval PIPELINE DATA`: offline, in order, nothing dropped, the same numbers on every run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from geo_perception.cli.groups import NamingGroup
from geo_perception.cli.output import examples, report_line

# Pipeline -> module with `run`.
PIPELINES: dict[str, str] = {
    "stereo_lidar_fusion": "geo_perception.cli.eval.stereo_lidar_fusion",
    "indoor_depth": "geo_perception.cli.eval.indoor_depth",
}
HELP = """Measure a pipeline's depth on recorded frames with known depth, without ROS.

Everything but the timings is the same on every run. Writes report.html, overview.png, metrics.json and config.yaml.
"""

app = typer.Typer(
    cls=NamingGroup, add_completion=False, rich_markup_mode=None, no_args_is_help=True, help=HELP
)

Device = Annotated[str, typer.Option(help="of PyTorch: cpu, cuda, cuda:1 ...")]
Precision = Annotated[str, typer.Option(help="auto, float32 or bfloat16")]
Limit = Annotated[Optional[int], typer.Option(help="only the first N frames, of each data set")]
Out = Annotated[Path, typer.Option(help="where the result folder is made")]
InOrder = Annotated[bool, typer.Option("--in-order", help="the report shows the first frames, not the worst")]
StereoWindow = Annotated[
    str, typer.Option(help="bags: largest time between left image and right image or CameraInfo [s]: 0.01")
]
LidarWindow = Annotated[str, typer.Option(help="bags: largest time between left image and sweep [s]: 0.06")]
RightOffset = Annotated[
    str, typer.Option(help="bags: how much later the right camera stamps the same moment [s]: 0")
]
LidarOffset = Annotated[
    str, typer.Option(help="bags: how much later the lidar stamps the same moment [s]: 0")
]
LidarPose = Annotated[
    str, typer.Option(help="bags: lidar to left camera, 16 values of the 4x4, row major; else /tf_static")
]
Remap = Annotated[
    Optional[list[str]],
    typer.Option(help="bags: FROM:=TO, a topic and what it is to be taken for; may be repeated"),
]
StreetData = Annotated[
    Path,
    typer.Argument(metavar="DATA", help="KITTI folder (object/stereo, raw drive, odometry sequence) or bag"),
]
Model = Annotated[str, typer.Option(help="a name of `weights list`, or a model's folder")]


@dataclass(frozen=True)
class EvalRequest:
    """Request for an evaluation, the same for every pipeline."""

    pipeline: str
    data: Path  # data set folder or bag
    options: Mapping[str, str]  # of the pipeline; empty values keep its defaults
    compare: str  # further rows, separated by commas
    cap_m: float | None  # truth farther than this is left out; None: the protocol's default
    limit: int | None  # number of frames, or None for all
    out: Path  # where the result folder is made
    worst_first: bool  # the report shows the worst frames first, else the first ones
    bag: Mapping[str, str] = field(default_factory=dict)  # options for bags alone, where they are given
    remap: Sequence[str] = ()  # FROM:=TO, topic of the bag and what it is to be taken for


@app.command(
    "stereo_lidar_fusion",
    epilog=examples(
        "eval stereo_lidar_fusion kitti/object/training --limit 20",
        "eval stereo_lidar_fusion drive.mcap --fusion confidence",
        "eval stereo_lidar_fusion FOLDER --compare confidence,scadc:scadc_sim",
    ),
)
def eval_fusion(
    data: StreetData,
    *,
    stereo: Annotated[
        str, typer.Option(help="sgbm, sgbm_fast, psmnet, or precomputed (of the folder's psmnet_disparity/)")
    ] = "",
    completion: Annotated[str, typer.Option(help="of the lidar: morphology or ssdc")] = "",
    fusion: Annotated[str, typer.Option(help="scadc (a network) or confidence (needs no weights)")] = "",
    stereo_model: Model = "",
    completion_model: Model = "",
    fusion_model: Model = "",
    unknown: Annotated[str, typer.Option(help="depth of what nothing measured: nan or limit")] = "",
    device: Device = "",
    precision: Precision = "",
    compare: Annotated[
        str, typer.Option(help="further rows of the tables: FUSION[:MODEL], separated by commas")
    ] = "",
    cap: Annotated[
        Optional[float], typer.Option(help="leave out truth farther than this [m]; 80 if not given")
    ] = None,
    limit: Limit = None,
    out: Out = Path("out"),
    in_order: InOrder = False,
    stereo_window_s: StereoWindow = "",
    lidar_window_s: LidarWindow = "",
    right_offset_s: RightOffset = "",
    lidar_offset_s: LidarOffset = "",
    camera_from_lidar: LidarPose = "",
    remap: Remap = None,
) -> None:
    """Depth of a street from a stereo camera and a lidar."""
    options = {
        "stereo": stereo,
        "completion": completion,
        "fusion": fusion,
        "stereo_model": stereo_model,
        "completion_model": completion_model,
        "fusion_model": fusion_model,
        "unknown": unknown,
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
    shared = (compare, cap, limit, out, not in_order, _given(bag), tuple(remap or ()))
    _run(EvalRequest("stereo_lidar_fusion", data, options, *shared))


@app.command(
    "indoor_depth",
    epilog=examples(
        "eval indoor_depth rgbd_dataset_freiburg1_desk --limit 50",
        "eval indoor_depth FOLDER --model out/mine --compare distdepth_lite0_rooms",
        "eval indoor_depth FOLDER --compare @flip,@noscale",
    ),
)
def eval_indoor(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="RGB-D folder (7-Scenes, Redwood, TUM, NYU, SUN, VA, SimSIN), a folder of such folders, or bag",
        ),
    ],
    *,
    model: Model = "",
    protocol: Annotated[str, typer.Option(help="native, or as published: va, nyuv2, va_multi_frame")] = "",
    box_at: Annotated[str, typer.Option(help="distance of the box drawn into the report's images [m]")] = "",
    sequence: Annotated[
        bool,
        typer.Option("--sequence", help="frames follow one another; models of several frames compare them"),
    ] = False,
    depth_unit: Annotated[
        str,
        typer.Option(
            help="of the folder's depth files: m, cm, mm, or how many units make a metre; left out, files and kind of "
            "set tell"
        ),
    ] = "",
    device: Device = "",
    precision: Precision = "",
    compare: Annotated[
        str,
        typer.Option(
            help="further rows of the tables: [MODEL][@HOW], separated by commas; HOW is noscale, nomultiscale or "
            "flip, or several joined by +"
        ),
    ] = "",
    cap: Annotated[
        Optional[float], typer.Option(help="leave out truth farther than this [m]; 10 if not given")
    ] = None,
    limit: Limit = None,
    out: Out = Path("out"),
    in_order: InOrder = False,
    stereo_window_s: Annotated[
        str, typer.Option(help="bags: largest time between image and CameraInfo or truth [s]: 0.01")
    ] = "",
    remap: Remap = None,
) -> None:
    """Depth of a room from one camera."""
    options = {
        "model": model,
        "protocol": protocol,
        "box_at": box_at,
        "depth_unit": depth_unit,
        "sequence": "true" if sequence else "",
        "device": device,
        "precision": precision,
    }
    bag = _given({"stereo_window_s": stereo_window_s})
    shared = (compare, cap, limit, out, not in_order, bag, tuple(remap or ()))
    _run(EvalRequest("indoor_depth", data, options, *shared))


def _given(options: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value}


def _run(request: EvalRequest) -> None:
    run: Any = import_module(PIPELINES[request.pipeline]).run
    print(f"\n{report_line(run(request))}")
