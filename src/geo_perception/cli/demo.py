# SPDX-License-Identifier: Apache-2.0
"""`geo-perception demo [DATA]`: the graph for real, on simulated or given data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geo_perception.errors import ConfigError

if TYPE_CHECKING:  # cheap to describe, dear to import
    from geo_perception.datasets.indoor.lens import Lens

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="bag, KITTI folder; for rooms: bag, RGB-D folder, images, video. None: a simulated world"
        ),
    ] = None,
    arguments: Annotated[list[str] | None, typer.Argument(help="NAME:=VALUE of the graph")] = None,
    graph: Annotated[
        str, typer.Option(help="kitti_fusion (a street) or indoor_depth (rooms)")
    ] = "kitti_fusion",
    frames: Annotated[int, typer.Option(help="frames to simulate, or at most to convert")] = 20,
    loop: Annotated[int, typer.Option(help="how often they are played (0: 100 frames in all)")] = 0,
    rate: Annotated[float, typer.Option(help="speed; 2 = twice real time")] = 1.0,
    seed: Annotated[int, typer.Option(help="of the simulated world")] = 0,
    scale: Annotated[float, typer.Option(help="image size of the simulation, 1 = 1242x375 or 640x480")] = 1.0,
    hfov: Annotated[
        float | None, typer.Option(help="horizontal field of view of images without a camera, degrees")
    ] = None,
    camera: Annotated[
        Path | None, typer.Option(help="or their camera_info YAML; distorted images are rectified")
    ] = None,
    out: Annotated[Path, typer.Option(help="where the result folder is made")] = Path("out"),
) -> None:
    """Run the graph in processes of its own, replay data into it, and judge what it publishes."""
    from geo_perception.ros.demo.run import DemoConfig, run
    from geo_perception.ros.graphs import parse_arguments

    words = list(arguments or [])
    if data is not None and ":=" in str(data):  # no data given, the arguments come first
        words, data = [str(data), *words], None
    lens = lens_of(hfov, camera)
    config = DemoConfig(data, graph, frames, loop, rate, seed, scale, out, parse_arguments(words), lens)
    print(f"report       {run(config)}")


def lens_of(hfov_deg: float | None, camera: Path | None) -> Lens | None:
    """What the options say of the camera. Raises ConfigError or DataError if they contradict each other."""
    from geo_perception.datasets.indoor.lens import FieldOfView, read_calibration

    if hfov_deg is not None and camera is not None:
        raise ConfigError("give --hfov or --camera, not both")
    if camera is not None:
        return read_calibration(camera)
    return None if hfov_deg is None else FieldOfView(hfov_deg)
