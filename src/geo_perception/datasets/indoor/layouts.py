# SPDX-License-Identifier: Apache-2.0
"""Which folders are RGB-D data sets, recognised by what lies in them.

None of the sensors' recordings says how colour and depth were registered; each layout states what is assumed. An error
of the assumed focal length is an error of metric depth by the same share, which median scaling hides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from geo_perception.datasets.indoor import nyu_raw
from geo_perception.datasets.indoor import seven_scenes as kinect_scenes
from geo_perception.datasets.indoor.cameras import (
    NYU,
    PRIMESENSE,
    FolderCamera,
    Sensor,
    checked_camera,
    folder_camera,
    numbered_sensor,
    tum_sensor,
)
from geo_perception.datasets.indoor.depth_codes import read_sun_png
from geo_perception.datasets.indoor.files import read_depth_npy, read_depth_pfm, read_depth_png
from geo_perception.datasets.indoor.intrinsics import from_shares
from geo_perception.datasets.indoor.records import RECORD, recorded_cameras
from geo_perception.datasets.indoor.rgbd import RgbdDataset, RgbdFiles
from geo_perception.datasets.indoor.sets import SETS
from geo_perception.errors import DataError
from geo_perception.geometry import PinholeCamera

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
MAX_SENSOR_M = 60.0  # beyond it depth cameras store that they saw nothing
TUM_MAX_GAP_S = 0.02  # between a colour and a depth image of one moment

Layout = Callable[[Path], RgbdDataset | None]  # None: the folder is something else


def seven_scenes(root: Path) -> RgbdDataset | None:
    """`frame-*.color.{png,jpg}` and `.depth.png` (millimetres): 7-Scenes, or a recorder that writes the same names."""
    images = kinect_scenes.images(root)
    if not images:
        return None
    frames = [RgbdFiles(p.name.split(".")[0], p, root / f"{p.name.split('.')[0]}.depth.png") for p in images]
    camera, register = kinect_scenes.cameras(root)
    note = kinect_scenes.REGISTERED if register else kinect_scenes.AS_ONE
    reader = partial(kinect_scenes.read_depth, register=register)
    return RgbdDataset("7-Scenes", root, _found(frames), reader, camera, f"{note}; {camera.origin}")


def colour_and_depth_folders(root: Path) -> RgbdDataset | None:
    """`color/` (or `rgb/`, `image/`) and `depth/` with as many files: Redwood (1/1000 m), TUM sequences (1/5000 m)."""
    colour = next((root / name for name in ("color", "rgb") if (root / name).is_dir()), None)
    if colour is None or not (root / "depth").is_dir():
        return None
    images, depths = _images(colour), _images(root / "depth", suffixes=(".png",))
    if _all_times(images) and _all_times(depths):
        frames = [RgbdFiles(i.stem, i, d) for i, d in _by_time(images, depths)]
        return _sensor(
            "TUM sequence",
            root,
            frames,
            5000.0,
            tum_sensor(root),
            "depth is registered to colour by the sensor",
        )
    if len(images) != len(depths):
        raise DataError(
            f"{root}: {len(images)} colour images, {len(depths)} depth images; each needs its partner"
        )
    frames = [RgbdFiles(i.stem, i, d) for i, d in zip(images, depths, strict=True)]
    return _sensor(
        "Redwood", root, frames, 1000.0, numbered_sensor(root), "depth is registered to colour by the sensor"
    )


def sun_folder(root: Path) -> RgbdDataset | None:
    """SUN RGB-D as published: `image/`, `depth/`, `intrinsics.txt`; the first image of each."""
    if not ((root / "image").is_dir() and (root / "depth").is_dir() and (root / "intrinsics.txt").is_file()):
        return None
    images, depths = _images(root / "image"), _images(root / "depth")
    if len(images) != 1 or len(depths) != 1:
        raise DataError(
            f"{root}: SUN RGB-D has one image and one depth, found {len(images)} and {len(depths)}"
        )
    frames = (RgbdFiles(images[0].stem, images[0], depths[0]),)
    camera = folder_camera(root, PRIMESENSE)
    note = f"depth is registered to colour; {camera.origin}"
    return RgbdDataset("SUN RGB-D", root, frames, read_sun_png, camera, note)


def sun_pairs(root: Path) -> RgbdDataset | None:
    """`NAME_color.jpg` and `NAME_depth.png` with rotated bits."""
    images = _images(root, "*_color.*")
    frames = [RgbdFiles(_stem(p), p, root / f"{_stem(p)}_depth.png") for p in images]
    camera = folder_camera(root, PRIMESENSE)
    note = f"depth is registered to colour; {camera.origin}"
    return RgbdDataset("SUN RGB-D", root, _found(frames), read_sun_png, camera, note) if frames else None


def nyu_pairs(root: Path) -> RgbdDataset | None:
    """`NAME_color.ppm` and `NAME_depth.pgm`: raw Kinect recordings."""
    images = _images(root, "*_color.ppm", (".ppm",))
    frames = [RgbdFiles(_stem(p), p, root / f"{_stem(p)}_depth.pgm") for p in images]
    camera = folder_camera(root, NYU)
    note = f"{nyu_raw.REGISTERED}; {camera.origin}"
    return (
        RgbdDataset("NYU Depth raw", root, _found(frames), nyu_raw.read_depth, camera, note)
        if frames
        else None
    )


def tum_pairs(root: Path) -> RgbdDataset | None:
    """`NAME.png` and `NAME_depth.png` (1/5000 m)."""
    depths = _images(root, "*_depth.png")
    frames = [RgbdFiles(_stem(p), root / f"{_stem(p)}.png", p) for p in depths]
    return _sensor(
        "TUM pairs", root, frames, 5000.0, tum_sensor(root), "depth is registered to colour by the sensor"
    )


def simsin(root: Path) -> RgbdDataset | None:
    """`ROOM/NNN_0.png` and `NNN_0_depth.npy`: left images of SimSIN or of simulated rooms, with their cameras.

    Of rooms recorded as trajectories only the middle moments are taken: the other two show the same.
    """
    depths = sorted([*root.glob("[0-9]*_0_depth.npy"), *root.glob("*/[0-9]*_0_depth.npy")])
    names = [str(p.relative_to(root)).removesuffix("_depth.npy") for p in depths]
    layout = SETS["simsin"]
    cameras = recorded_cameras(root, names)
    moments = {folder: _is_trajectory(root / folder / RECORD) for folder in cameras}
    names = [n for n in names if not moments.get(str(Path(n).parent)) or int(Path(n).name[:-2]) % 3 == 1]
    frames = [RgbdFiles(n, root / f"{n}.png", root / f"{n}_depth.npy") for n in names]

    def camera(files: RgbdFiles, width: int, height: int) -> PinholeCamera:
        shares, _ = cameras.get(str(Path(files.name).parent), (layout.intrinsics, 0))
        return checked_camera(root, from_shares(shares, width, height))

    note = "simulated: depth belongs to the image exactly"
    return RgbdDataset("SimSIN", root, _found(frames), read_depth_npy, camera, note) if frames else None


def va(root: Path) -> RgbdDataset | None:
    """`camera_0/NNNNNNNN.png` and `gt_depth_rectify/cam0_frameNNNN.depth.pfm`."""
    depths = sorted((root / "gt_depth_rectify").glob("cam0_frame*.depth.pfm"))
    numbers = [int(re.findall(r"frame(\d+)", p.name)[0]) for p in depths]
    images = [root / "camera_0" / f"{number:08d}.png" for number in numbers]
    frames = [RgbdFiles(i.stem, i, d) for i, d in zip(images, depths, strict=True)]
    note = "rendered: depth belongs to the image exactly"
    return (
        RgbdDataset("VA", root, _found(frames), read_depth_pfm, _published(root, "va"), note)
        if frames
        else None
    )


def nyuv2(root: Path) -> RgbdDataset | None:
    """`img_val/NNNNN.png` and `depth_val/NNNNN.npy`: the set that DistDepth's figures are of."""
    images = sorted(root.glob("img_*/*.png"))
    frames = [
        RgbdFiles(p.stem, p, p.parents[1] / p.parent.name.replace("img", "depth") / f"{p.stem}.npy")
        for p in images
    ]
    note = "depth is registered to colour"
    return (
        RgbdDataset("NYUv2", root, _found(frames), read_depth_npy, _published(root, "nyuv2"), note)
        if frames
        else None
    )


# First match wins: SUN's NAME_depth.png would also be one of TUM's pairs.
LAYOUTS: tuple[Layout, ...] = (
    seven_scenes, sun_folder, colour_and_depth_folders, nyu_pairs, sun_pairs, tum_pairs, simsin, va, nyuv2,
)  # fmt: skip


def _published(root: Path, name: str) -> Callable[[RgbdFiles, int, int], PinholeCamera]:
    shares = SETS[name].intrinsics
    return lambda _, width, height: checked_camera(root, from_shares(shares, width, height))


def _is_trajectory(record: Path) -> bool:
    return bool(json.loads(record.read_text(encoding="utf-8")).get("trajectories", False))


def _sensor(
    kind: str,
    root: Path,
    frames: Sequence[RgbdFiles],
    units_per_m: float,
    default: Sensor,
    registration: str,
) -> RgbdDataset | None:
    if not frames:
        return None
    reader = partial(read_depth_png, units_per_m=units_per_m, max_m=MAX_SENSOR_M)
    camera: FolderCamera = folder_camera(root, default)
    return RgbdDataset(kind, root, _found(frames), reader, camera, f"{registration}; {camera.origin}")


def _found(frames: Iterable[RgbdFiles]) -> tuple[RgbdFiles, ...]:
    """The frames. Raises DataError if a file of one is missing."""
    kept = tuple(frames)
    for frame in kept:
        for path in (frame.image, frame.depth):
            if not path.is_file():
                raise DataError(f"frame {frame.name}: {path} is missing")
    return kept


def _images(folder: Path, pattern: str = "*", suffixes: Sequence[str] = IMAGE_SUFFIXES) -> list[Path]:
    return sorted(p for p in folder.glob(pattern) if p.suffix.lower() in suffixes)


def _stem(path: Path) -> str:
    return path.stem.removesuffix("_color").removesuffix("_depth")


def _all_times(paths: Sequence[Path]) -> bool:
    """Whether the names are times in seconds with a fraction, as in TUM's sequences."""
    return bool(paths) and all(re.fullmatch(r"\d+\.\d+", p.stem) for p in paths)


def _by_time(images: Sequence[Path], depths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Each colour image with the depth nearest in time, if that is near."""
    pairs = [(i, min(depths, key=lambda d: abs(float(d.stem) - float(i.stem)))) for i in images]
    near = [(i, d) for i, d in pairs if abs(float(d.stem) - float(i.stem)) <= TUM_MAX_GAP_S]
    if not near:
        raise DataError(f"{images[0].parent}: no colour image has a depth image within {TUM_MAX_GAP_S} s")
    return near
