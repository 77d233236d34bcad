# SPDX-License-Identifier: Apache-2.0
"""Layouts of RGB-D data sets, recognised by the files in a folder.

None of the sensors' recordings says how colour and depth were registered; each layout states what is assumed. An error
of the assumed focal length is an error of metric depth by the same share, which median scaling hides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from geo_perception.datasets.folders import IMAGE_SUFFIXES, by_stem, files_in
from geo_perception.datasets.rgbd import nyu_raw
from geo_perception.datasets.rgbd import seven_scenes as kinect_scenes
from geo_perception.datasets.rgbd.cameras import (
    NYU,
    PRIMESENSE,
    FolderCamera,
    Sensor,
    checked_camera,
    folder_camera,
    numbered_sensor,
    tum_sensor,
)
from geo_perception.datasets.rgbd.dataset import RgbdDataset, RgbdFiles
from geo_perception.datasets.rgbd.depth_encodings import read_sun_png
from geo_perception.datasets.rgbd.depth_files import (
    CEILING_M,
    DEPTH_SUFFIXES,
    METRES,
    MILLIMETRES,
    ROOM_M,
    SENSOR_FARTHEST_M,
    DepthReader,
    DepthUnit,
)
from geo_perception.datasets.rgbd.intrinsics import from_shares
from geo_perception.datasets.rgbd.pairing import ASSOCIATIONS, named_by_time, pair
from geo_perception.datasets.rgbd.records import RECORD, recorded_cameras
from geo_perception.datasets.rgbd.training_lists import SETS
from geo_perception.errors import DataError
from geo_perception.geometry import PinholeCamera

# Units of sets whose files do not tell theirs; where names say little, the numbers have to agree.
TUM_UNIT = DepthUnit(5000.0, "1/5000 m, as TUM's sets have it", (0.5, ROOM_M[1]), CEILING_M)
TUM_NAMES = DepthUnit(5000.0, "1/5000 m, as the names are TUM's", (0.9, ROOM_M[1]), CEILING_M)
RGB_FOLDER = DepthUnit(1000.0, "millimetres", (ROOM_M[0], 3.6), CEILING_M)
TUM_FILES = (*ASSOCIATIONS, "rgb.txt", "groundtruth.txt", "accelerometer.txt")

Layout = Callable[[Path], RgbdDataset | None]  # None: the folder is something else


def seven_scenes(root: Path) -> RgbdDataset | None:
    """Open `frame-*.color.{png,jpg}` and `.depth.png` (mm): 7-Scenes, or a recorder that writes the same names."""
    images = kinect_scenes.images(root)
    if not images:
        return None
    depths = _partners(root, "*.depth.*", (".png",))
    names = [p.name.split(".")[0] for p in images]
    frames = [RgbdFiles(n, p, depths(f"{n}.depth")) for n, p in zip(names, images, strict=True)]
    camera, register = kinect_scenes.cameras(root)
    note = kinect_scenes.REGISTERED if register else kinect_scenes.AS_ONE
    reader = kinect_scenes.depth_reader(register=register, empty=True)
    return RgbdDataset("7-Scenes", root, _found(frames), reader, camera, f"{note}; {camera.origin}")


def colour_and_depth_folders(root: Path) -> RgbdDataset | None:
    """Open `color/` (or `rgb/`, `image/`) and `depth/`: Redwood (1/1000 m), TUM sequences (1/5000 m)."""
    colour = next((root / name for name in ("color", "rgb") if (root / name).is_dir()), None)
    if colour is None or not (root / "depth").is_dir():
        return None
    images, depths = files_in(colour), files_in(root / "depth", DEPTH_SUFFIXES)
    for folder, files in ((colour, images), (root / "depth", depths)):
        if not files:
            raise DataError(f"{folder} holds no file that is read{_instead(folder)}")
    frames = [RgbdFiles(i.stem, i, d) for i, d in pair(images, depths, root)]
    note = "depth is registered to colour by the sensor"
    if any((root / name).is_file() for name in TUM_FILES) or named_by_time(images):
        unit = TUM_UNIT if colour.name == "rgb" else TUM_NAMES
        sensor = tum_sensor(root) if named_by_time(images) else numbered_sensor(root)  # counted: ICL-NUIM
        return _sensor("TUM sequence", root, frames, unit, sensor, note)
    unit = RGB_FOLDER if colour.name == "rgb" else MILLIMETRES
    return _sensor("Redwood", root, frames, unit, numbered_sensor(root), note)


def sun_folder(root: Path) -> RgbdDataset | None:
    """Open SUN RGB-D as published: `image/`, `depth/`, `intrinsics.txt`; the first image of each."""
    if not ((root / "image").is_dir() and (root / "depth").is_dir() and (root / "intrinsics.txt").is_file()):
        return None
    images, depths = files_in(root / "image"), files_in(root / "depth")
    if len(images) != 1 or len(depths) != 1:
        raise DataError(
            f"{root}: SUN RGB-D has one image and one depth, found {len(images)} and {len(depths)}"
        )
    frames = (RgbdFiles(images[0].stem, images[0], depths[0]),)
    camera = folder_camera(root, PRIMESENSE)
    note = f"depth is registered to colour; {camera.origin}"
    return RgbdDataset("SUN RGB-D", root, frames, read_sun_png, camera, note)


def sun_pairs(root: Path) -> RgbdDataset | None:
    """Open SUN pairs, `NAME_color.jpg` and `NAME_depth.png` with rotated bits."""
    images = files_in(root, pattern="*_color.*")
    depths = _partners(root, "*_depth.*", (".png",))
    frames = [RgbdFiles(_stem(p), p, depths(f"{_stem(p)}_depth")) for p in images]
    camera = folder_camera(root, PRIMESENSE)
    note = f"depth is registered to colour; {camera.origin}"
    return RgbdDataset("SUN RGB-D", root, _found(frames), read_sun_png, camera, note) if frames else None


def nyu_pairs(root: Path) -> RgbdDataset | None:
    """Open NYU's raw Kinect recordings, `NAME_color.ppm` and `NAME_depth.pgm`."""
    images = files_in(root, (".ppm",), "*_color.*")
    depths = _partners(root, "*_depth.*", (".pgm",))
    frames = [RgbdFiles(_stem(p), p, depths(f"{_stem(p)}_depth")) for p in images]
    camera = folder_camera(root, NYU)
    note = f"{nyu_raw.REGISTERED}; {camera.origin}"
    return (
        RgbdDataset("NYU Depth raw", root, _found(frames), nyu_raw.read_depth, camera, note)
        if frames
        else None
    )


def tum_pairs(root: Path) -> RgbdDataset | None:
    """Open TUM pairs, `NAME.png` and `NAME_depth.png` (1/5000 m)."""
    depths = files_in(root, (".png",), "*_depth.*")
    images = _partners(root) if depths else Path
    frames = [RgbdFiles(_stem(p), images(_stem(p)), p) for p in depths]
    return _sensor(
        "TUM pairs", root, frames, TUM_NAMES, tum_sensor(root), "depth is registered to colour by the sensor"
    )


def simsin(root: Path) -> RgbdDataset | None:
    """Open left images of SimSIN or simulated rooms, `ROOM/NNN_0.png` and `NNN_0_depth.npy`, with their cameras.

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
        """Return the recorded camera of a frame."""
        shares, _ = cameras.get(str(Path(files.name).parent), (layout.intrinsics, 0))
        return checked_camera(root, from_shares(shares, width, height))

    note = "simulated: depth belongs to the image exactly"
    return RgbdDataset("SimSIN", root, _found(frames), floats(), camera, note) if frames else None


def va(root: Path) -> RgbdDataset | None:
    """Open VA, `camera_0/NNNNNNNN.png` and `gt_depth_rectify/cam0_frameNNNN.depth.pfm`."""
    depths = sorted((root / "gt_depth_rectify").glob("cam0_frame*.depth.pfm"))
    numbers = [int(re.findall(r"frame(\d+)", p.name)[0]) for p in depths]
    images = [root / "camera_0" / f"{number:08d}.png" for number in numbers]
    frames = [RgbdFiles(i.stem, i, d) for i, d in zip(images, depths, strict=True)]
    note = "rendered: depth belongs to the image exactly"
    camera = _published(root, "va")
    return RgbdDataset("VA", root, _found(frames), floats(), camera, note) if frames else None


def nyuv2(root: Path) -> RgbdDataset | None:
    """Open NYUv2, `img_val/NNNNN.png` and `depth_val/NNNNN.npy`: the set behind DistDepth's figures."""
    images = [path for folder in sorted(root.glob("img_*")) for path in files_in(folder, (".png",))]
    frames = [
        RgbdFiles(p.stem, p, p.parents[1] / p.parent.name.replace("img", "depth") / f"{p.stem}.npy")
        for p in images
    ]
    note = "depth is registered to colour"
    camera = _published(root, "nyuv2")
    return RgbdDataset("NYUv2", root, _found(frames), floats(), camera, note) if frames else None


# First match wins: SUN's NAME_depth.png would also be one of TUM's pairs.
LAYOUTS: tuple[Layout, ...] = (
    seven_scenes, sun_folder, colour_and_depth_folders, nyu_pairs, sun_pairs, tum_pairs, simsin, va, nyuv2,
)  # fmt: skip


def _published(root: Path, name: str) -> Callable[[RgbdFiles, int, int], PinholeCamera]:
    shares = SETS[name].intrinsics
    return lambda _, width, height: checked_camera(root, from_shares(shares, width, height))


def _is_trajectory(record: Path) -> bool:
    return bool(json.loads(record.read_text(encoding="utf-8")).get("trajectories", False))


def floats() -> DepthReader:
    """Make a reader of float depth, as simulators and arrays have it."""
    return DepthReader(METRES, empty=True)


def _sensor(
    kind: str,
    root: Path,
    frames: Sequence[RgbdFiles],
    unit: DepthUnit,
    default: Sensor,
    registration: str,
) -> RgbdDataset | None:
    if not frames:
        return None
    reader = DepthReader(replace(METRES, integers=unit), SENSOR_FARTHEST_M, empty=True)
    camera: FolderCamera = folder_camera(root, default)
    return RgbdDataset(kind, root, _found(frames), reader, camera, f"{registration}; {camera.origin}")


def _found(frames: Iterable[RgbdFiles]) -> tuple[RgbdFiles, ...]:
    """Return the frames. Raises DataError if a file of one is missing."""
    kept = tuple(frames)
    for frame in kept:
        for path in (frame.image, frame.depth):
            if not path.is_file():
                raise DataError(f"frame {frame.name}: {path} is missing")
    return kept


def _partners(
    root: Path, pattern: str = "*", suffixes: Sequence[str] = IMAGE_SUFFIXES
) -> Callable[[str], Path]:
    """Make a function from a stem to its file; for a missing file it returns the expected path."""
    found = by_stem(files_in(root, suffixes, pattern))
    return lambda stem: found.get(stem, root / f"{stem}{suffixes[0]}")


def _instead(folder: Path) -> str:
    suffixes = sorted({p.suffix for p in folder.iterdir() if p.name[0] != "."})
    return f", but {', '.join(suffixes)}; depth may be {', '.join(DEPTH_SUFFIXES)}" if suffixes else ""


def _stem(path: Path) -> str:
    return path.stem.removesuffix("_color").removesuffix("_depth")
