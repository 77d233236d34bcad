# SPDX-License-Identifier: Apache-2.0
"""`geo-perception bag from-kitti | simulate | to-folder | decompress | info`."""

import math
from pathlib import Path
from typing import Annotated

import typer

from geo_perception.cli.groups import NamingGroup
from geo_perception.cli.output import examples
from geo_perception.errors import ConfigError
from geo_perception.progress import track

app = typer.Typer(
    cls=NamingGroup,
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Write, convert and describe rosbag2 files (.mcap, .db3).",
)

Out = Annotated[Path, typer.Argument(help="folder of the bag to write")]
Storage = Annotated[str, typer.Option(help="mcap or sqlite3")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace an existing bag")]


@app.command(
    "from-kitti", epilog=examples("bag from-kitti 2011_09_26_drive_0001_sync out/drive --frames 100")
)
def from_kitti(
    source: Annotated[Path, typer.Argument(help="raw drive, object/stereo folder or odometry sequence")],
    out: Out,
    frames: Annotated[int, typer.Option(min=0, help="only the first N frames (0: all)")] = 0,
    storage: Storage = "mcap",
    overwrite: Overwrite = False,
) -> None:
    """Turn a KITTI folder into a bag that `ros2 bag play` and `geo-perception replay` play."""
    from geo_perception.datasets import open_dataset
    from geo_perception.ros.bags import write_bag

    data = open_dataset(source)
    write_bag(out, data[:frames] if frames else data, storage, overwrite=overwrite, progress=True)
    info(out)


@app.command(epilog=examples("bag simulate out/street --seed 3 --frames 50"))
def simulate(
    out: Out,
    seed: Annotated[int, typer.Option(min=0, help="the same seed gives the same drive")] = 0,
    frames: Annotated[int, typer.Option(min=1, help="length; ten frames a second")] = 20,
    scale: Annotated[float, typer.Option(help="image size relative to KITTI's 1242x375")] = 1.0,
    storage: Storage = "mcap",
    overwrite: Overwrite = False,
) -> None:
    """Render a street with stereo camera and lidar, and exact depth as ground truth."""
    from geo_perception.ros.bags import write_bag
    from geo_perception.simulation.drive import DriveConfig, DriveSimulator

    full = DriveConfig()
    if not math.isfinite(scale):
        raise ConfigError(f"scale must be a number, such as 0.5, got {scale}")
    config = DriveConfig(width=round(full.width * scale), height=round(full.height * scale))
    drive = DriveSimulator(seed, config).frames(frames)
    write_bag(out, drive, storage, overwrite=overwrite, progress=True, total=frames)
    info(out)


@app.command("to-folder", epilog=examples("bag to-folder drive.mcap out/robot --every 3"))
def to_folder(
    bag: Annotated[Path, typer.Argument(help="bag folder, or a .mcap or .db3 file")],
    folder: Annotated[Path, typer.Argument(help="training set to write to, or to add to")],
    left: Annotated[str, typer.Option(help="rectified image; its camera_info lies beside it")] = (
        "/left/image_rect"
    ),
    right: Annotated[str, typer.Option(help="right image of a stereo pair; empty: one camera")] = (
        "/right/image_rect"
    ),
    depth: Annotated[str, typer.Option(help="depth registered to the left image, if recorded")] = "",
    every: Annotated[int, typer.Option(min=1, help="keep one frame of so many")] = 1,
    window_s: Annotated[float, typer.Option(min=0.0, help="how far apart stamps of a frame may be")] = 0.01,
) -> None:
    """Turn a bag's images into a training set for `geo-perception train distdepth ... --data rosbag:FOLDER`."""
    from geo_perception.datasets.rgbd.recording import write_recording
    from geo_perception.ros.bags import BagTopics, read_recorded

    name = bag.resolve().stem
    left, right = images_of(bag, left, right)
    topics = BagTopics(
        left, info_beside(left), right, info_beside(right), points="", truth=depth, tf_static=""
    )
    frames = track(read_recorded(bag, topics, window_s), "reading bag")
    count = write_recording(folder, name, frames, every, source=str(bag))
    print(f"{count} frames in {folder / name}; lists {folder / 'stereo.txt'}, temporal.txt")


@app.command(epilog=examples("bag decompress recorded.mcap out/plain"))
def decompress(
    bag: Annotated[Path, typer.Argument(help="bag folder, or a .mcap or .db3 file")],
    out: Out,
    storage: Storage = "mcap",
    overwrite: Overwrite = False,
) -> None:
    """Copy a bag with plain images in place of compressed ones, which graphs, evaluation and training take."""
    from geo_perception.ros.bags import decompress_bag

    for compressed, plain in decompress_bag(bag, out, storage, overwrite=overwrite, progress=True).items():
        print(f"{compressed} -> {plain}")
    info(out)


def images_of(bag: Path, left: str, right: str) -> tuple[str, str]:
    """Return left and right topic; those of a bag of one camera where the default ones are not in it."""
    from geo_perception.ros.bags import CAMERA_TOPICS, DEFAULT_TOPICS, open_bag

    with open_bag(bag) as opened:
        there = opened.kinds()
    default = (left, right) == (DEFAULT_TOPICS.left, DEFAULT_TOPICS.right)
    alone = default and left not in there and CAMERA_TOPICS.left in there
    return (CAMERA_TOPICS.left, "") if alone else (left, right)


def info_beside(image: str) -> str:
    """Return the camera_info topic beside an image topic, as drivers name it."""
    return f"{image.rpartition('/')[0]}/camera_info" if image else ""


@app.command(epilog=examples("bag info drive.mcap"))
def info(bag: Annotated[Path, typer.Argument(help="bag folder, or a .mcap or .db3 file")]) -> None:
    """Describe a bag: topics, counts, duration, and what the fusion would miss in it."""
    from geo_perception.ros.bags import bag_info

    print("\n".join(bag_info(bag).lines()))
