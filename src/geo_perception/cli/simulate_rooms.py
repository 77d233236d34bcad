# SPDX-License-Identifier: Apache-2.0
"""`geo-perception simulate-rooms FOLDER`: a training set of simulated rooms in SimSIN's folder format."""

from pathlib import Path
from typing import Annotated

import typer

from geo_perception.cli.output import examples
from geo_perception.progress import track

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog=examples(
        "simulate-rooms out/rooms --environments 20 --frames 50",
        "simulate-rooms out/low --camera-height 0.3 0.95 --pitch -15 35",
    )
)
def simulate_rooms(
    folder: Annotated[
        Path, typer.Argument(help="where environments and lists are written; resumes if it exists")
    ],
    environments: Annotated[
        int, typer.Option(min=1, max=100_000, help="number of different environments")
    ] = 20,
    frames: Annotated[int, typer.Option(min=1, help="views per environment")] = 50,
    first_seed: Annotated[int, typer.Option(min=0, help="environments take this seed and the following")] = 0,
    trajectories: Annotated[bool, typer.Option(help="write t-1, t, t+1 of each view: three files")] = True,
    size: Annotated[tuple[int, int], typer.Option(help="width and height")] = (192, 192),
    fov: Annotated[tuple[float, float], typer.Option(help="horizontal degrees, lowest and highest")] = (
        90.0,
        90.0,
    ),
    camera_height: Annotated[
        tuple[float, float],
        typer.Option(
            help="metres above the floor, lowest and highest: 0.9 1.75 is handheld, 0.3 0.95 a robot"
        ),
    ] = (0.9, 1.75),
    pitch: Annotated[tuple[float, float], typer.Option(help="degrees downwards, lowest and highest")] = (
        -8.0,
        40.0,
    ),
    close_share: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="of views that look at a piece of furniture from nearby"),
    ] = 0.6,
    variety: Annotated[float, typer.Option(min=0.0, max=1.0, help="of colours, textures and light")] = 1.0,
    clutter: Annotated[float, typer.Option(help="multiplies the number of small things")] = 1.0,
    furniture: Annotated[float, typer.Option(help="multiplies the number of pieces")] = 1.0,
    space: Annotated[str, typer.Option(help="kind of room, or random")] = "random",
    workers: Annotated[int, typer.Option(min=1, help="processes")] = 2,
) -> None:
    """Render stereo pairs with exact depth, many views per environment."""
    from geo_perception.simulation.rooms import RoomConfig, write_simsin

    config = RoomConfig(
        width=size[0], height=size[1], fov_deg=fov, camera_height_m=camera_height, pitch_deg=pitch,
        close_share=close_share,
        space=space, clutter=clutter, furniture=furniture,
        colour_variety=variety, texture_variety=variety, lighting_variety=variety,
    )  # fmt: skip
    seeds = range(first_seed, first_seed + environments)
    written = write_simsin(folder, seeds, frames, config, trajectories=trajectories, workers=workers)
    for _ in track(written, "rendering", environments, "environment"):
        pass
    print(f"lists        {folder / 'stereo.txt'}, {folder / 'temporal.txt'}")
