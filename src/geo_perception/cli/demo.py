# SPDX-License-Identifier: Apache-2.0
"""`geo-perception demo [DATA]`: live evaluation of a graph on simulated or given data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from geo_perception.cli.output import examples, report_line
from geo_perception.errors import ConfigError
from geo_perception.outputs import check_folder

if TYPE_CHECKING:  # slow to import
    from geo_perception.datasets.rgbd.camera_source import Lens

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog=examples(
        "demo",
        "demo --graph indoor_depth",
        "demo drive.mcap stereo:=sgbm_fast",
        "demo photos --graph indoor_depth --hfov 70",
    )
)
def demo(
    data: Annotated[
        Optional[Path],
        typer.Argument(
            metavar="DATA",
            help="bag or KITTI folder; for rooms: bag, RGB-D folder, image(s) or video; none: a simulated world",
        ),
    ] = None,
    arguments: Annotated[
        Optional[list[str]],
        typer.Argument(metavar="NAME:=VALUE", help="arguments of the node"),
    ] = None,
    graph: Annotated[
        str, typer.Option(help="kitti_fusion (street: stereo and lidar) or indoor_depth (rooms: one camera)")
    ] = "kitti_fusion",
    frames: Annotated[
        int, typer.Option(help="frames to simulate, or at most to take of a folder or video")
    ] = 20,
    loop: Annotated[int, typer.Option(help="times they are played in real time (0: 100 frames in all)")] = 0,
    rate: Annotated[float, typer.Option(help="speed in real time; 2: twice as fast")] = 1.0,
    seed: Annotated[int, typer.Option(help="the same seed gives the same simulated world")] = 0,
    scale: Annotated[
        float, typer.Option(help="image size of the simulated world; 1: 1242x375 or 640x480")
    ] = 1.0,
    hfov: Annotated[
        Optional[float],
        typer.Option(help="horizontal field of view [degrees] of images that come without their camera"),
    ] = None,
    camera: Annotated[
        Optional[Path],
        typer.Option(
            help="or its calibration: camera_info YAML (distorted images are rectified), Open3D JSON ..."
        ),
    ] = None,
    depth_unit: Annotated[
        str,
        typer.Option(help="of an RGB-D folder's depth files: m, cm, mm, or how many units make a metre"),
    ] = "",
    out: Annotated[Path, typer.Option(help="where the result folder is made")] = Path("out"),
) -> None:
    """Run a node for real, play data to it, and report how good and how fast its depth is.

    First the frames go in one after the other, each after the answer to the one before, for the errors; then they are
    played in real time, for age and rate. All of it stays on this machine and on a ROS domain of its own.
    """
    from geo_perception.dependencies import require
    from geo_perception.ros.launch_arguments import parse_arguments
    from geo_perception.ros.live_eval.run import DemoConfig, run

    check_folder(out, "--out")
    require("rclpy", "sensor_msgs.msg", "diagnostic_msgs.msg")  # before anything is simulated for it
    words = list(arguments or [])
    if data is not None and ":=" in str(data):  # no data given, the arguments come first
        words, data = [str(data), *words], None
    lens = lens_of(hfov, camera)
    config = DemoConfig(
        data, graph, frames, loop, rate, seed, scale, out, parse_arguments(words), lens, depth_unit
    )
    print(report_line(run(config)))


def lens_of(hfov_deg: float | None, camera: Path | None) -> "Lens | None":
    """Make the lens that the options describe. Raises ConfigError or DataError if they contradict each other."""
    from geo_perception.datasets.rgbd.camera_source import FieldOfView, read_calibration

    if hfov_deg is not None and camera is not None:
        raise ConfigError("give --hfov or --camera, not both")
    if camera is not None:
        return read_calibration(camera)
    return None if hfov_deg is None else FieldOfView(hfov_deg)
