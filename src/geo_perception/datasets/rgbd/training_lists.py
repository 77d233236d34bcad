# SPDX-License-Identifier: Apache-2.0
"""Training sets by their lists: SimSIN, UniSIN, VA, NYUv2, 7-Scenes and recordings, one table entry for each.

Frames are named "0" (the reference), "-1" and "1" (its neighbours in time) and "s" (its stereo partner).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from geo_perception._types import Array
from geo_perception._types import Image as Image8
from geo_perception.datasets.images import load_image, read_rgb, sizes
from geo_perception.datasets.rgbd import seven_scenes as kinect_scenes
from geo_perception.datasets.rgbd.depth_files import METRES, DepthReader, read_stored
from geo_perception.datasets.rgbd.depth_units import note_on, parse_unit, settled
from geo_perception.datasets.rgbd.files import read_list
from geo_perception.datasets.rgbd.intrinsics import NormalizedIntrinsics, shares_of
from geo_perception.datasets.rgbd.records import recorded_cameras, recorded_depth
from geo_perception.datasets.rgbd.set_names import (
    SIDE_AT_END,
    SIDE_OF_FOLDER,
    STEREO,
    Entry,
    entry_of,
    numbered,
    nyu_depth,
    single,
    va_colour,
    va_depth,
)
from geo_perception.errors import ConfigError, DataError
from geo_perception.frames import check_aspect
from geo_perception.geometry.plausibility import report_doubts
from geo_perception.outputs import reason


@dataclass(frozen=True)
class IndoorSet:
    """A data set on disk."""

    name: str
    folder: Path
    entries: tuple[Entry, ...]
    intrinsics: NormalizedIntrinsics
    baseline_m: float  # 0 = no stereo
    colour_file: Callable[[Entry, str], str]  # entry, frame -> file relative to the folder
    depth_file: Callable[[Entry], str] | None = None
    read_depth_file: DepthReader = field(default_factory=lambda: DepthReader(METRES))
    crop: tuple[int, int] | None = None  # centre crop of colour and depth, (height, width)
    cameras: Mapping[str, tuple[NormalizedIntrinsics, float]] = field(
        default_factory=dict
    )  # of folders with their own

    def camera(self, entry: Entry) -> tuple[NormalizedIntrinsics, float]:
        """Return normalised intrinsics and stereo baseline [m] of an entry."""
        return self.cameras.get(str(Path(entry.path).parent), (self.intrinsics, self.baseline_m))

    def image(self, entry: Entry, frame: str = "0") -> Image8:
        """Read (H,W,3) RGB of a frame. Raises DataError if the file is missing or damaged."""
        return self._cropped(read_rgb(self.image_path(entry, frame)))

    def image_path(self, entry: Entry, frame: str = "0") -> Path:
        """Return the colour file of a frame. Raises DataError for a frame the set does not have."""
        if frame == STEREO and not self.camera(entry)[1]:
            raise DataError(
                f"{self.name} has no stereo partners; train on it with mode temporal or supervised"
            )
        return self.folder / self.colour_file(entry, frame)

    def depth(self, entry: Entry) -> Array | None:
        """Read (H,W) metres, 0 = unknown; None if the set has no depth.

        Raises:
            DataError: as `image` does, or depth of another aspect than the image.
        """
        if self.depth_file is None:
            return None
        path, image = self.folder / self.depth_file(entry), self.image_path(entry)
        depth_m = self.read_depth_file(path)
        stored, _ = sizes(load_image(image, pixels=False))
        check_aspect(stored, depth_m.shape, str(image), f"depth {path}")
        return self._cropped(depth_m)

    def assumptions(self) -> list[str]:
        """List assumptions about depth that nothing states: integers in a set whose depth is known as floats.

        Raises:
            DataError: the first entry's depth is missing or damaged.
        """
        if self.depth_file is None:
            return []
        first, unit = self.folder / self.depth_file(self.entries[0]), self.read_depth_file.unit
        assumed = unit.integers is not None and unit.of(read_stored(first)) is not unit
        return [f"{self.folder}: {note_on(self.read_depth_file, first)}"] if assumed else []

    def side(self, entry: Entry) -> int:
        """Return the sign of the partner's x in the stereo transform: -1 for a left image, +1 for a right one."""
        return 1 if entry.side == "r" else -1

    def _cropped(self, values: np.ndarray) -> np.ndarray:
        if self.crop is None:
            return values
        (height, width), (rows, columns) = values.shape[:2], self.crop
        if rows > height or columns > width:
            raise DataError(
                f"{self.name}: an image of {height}x{width} is smaller than the crop {rows}x{columns}"
            )
        top, left = (height - rows) // 2, (width - columns) // 2
        return values[top : top + rows, left : left + columns]


@dataclass(frozen=True)
class SetLayout:
    """Properties of a kind of set that do not depend on its folder."""

    intrinsics: NormalizedIntrinsics
    baseline_m: float
    colour_file: Callable[[Entry, str], str]
    depth_file: Callable[[Entry], str] | None
    number: str  # pattern of the frame's number at the end of a path
    side: str = ""  # pattern of the eye's number in a path
    crop: tuple[int, int] | None = None
    default_list: str = ""


SETS: dict[str, SetLayout] = {
    "simsin": SetLayout(
        NormalizedIntrinsics(0.5, 0.5),
        0.131202,
        partial(numbered, 3),
        lambda e: f"{e.path}_depth.npy",
        r"(\d{3})_[01]$",
        SIDE_AT_END,
    ),
    "unisin": SetLayout(  # ZED 2; its depth is in no list, so there is none
        NormalizedIntrinsics(0.408024, 0.725377, 0.5146106, 0.5062255),
        0.12,
        partial(numbered, 4),
        None,
        r"(\d{4})_[01]$",
        SIDE_AT_END,
    ),
    "va": SetLayout(
        NormalizedIntrinsics(0.5, 0.5), 0.1, va_colour, va_depth, r"(\d{8})$", SIDE_OF_FOLDER
    ),  # the baseline is not published; 0.1 is what its loader assumes
    "va_published": SetLayout(
        NormalizedIntrinsics(0.5, 0.5),
        0.1,
        partial(va_colour, still=True),
        va_depth,
        r"(\d{8})$",
        SIDE_OF_FOLDER,
    ),
    "nyuv2": SetLayout(
        NormalizedIntrinsics(0.8093, 1.08125, 0.508, 0.5286),
        0.0,
        single,
        nyu_depth,
        r"(\d{1,9})$",
        crop=(448, 608),
    ),
    "rosbag": SetLayout(  # as `geo-perception bag to-folder` writes it; each recording has a camera of its own
        NormalizedIntrinsics(0.5, 0.5),
        0.0,
        partial(numbered, 6),
        lambda e: f"{e.path}_depth.npy",
        r"(\d{6})_[01]$",
        SIDE_AT_END,
        default_list="temporal.txt",
    ),
}


def open_set(kind: str, folder: str | Path, list_file: str | Path = "", depth_unit: str = "") -> IndoorSet:
    """Open a set of one of the kinds in SETS by its list, or a folder in the style of 7-Scenes.

    Args:
        kind: a key of SETS or "seven_scenes".
        folder: paths in the list start here.
        list_file: relative to the folder, or a path of its own; "seven_scenes" needs none, "rosbag" has a default.
        depth_unit: of the depth files: m, cm, mm, or units in a metre; empty: integers are mm, floats m.

    Raises:
        ConfigError: unknown kind or unit.
        DataError: folder or list missing or malformed, or depth that is no room's in its unit but is in another.
    """
    try:
        found = _opened(kind, Path(folder), list_file)
        files = (
            [] if found.depth_file is None else [found.folder / found.depth_file(e) for e in found.entries]
        )
        reader = settled(found.read_depth_file, files, parse_unit(depth_unit), found.folder)
    except OSError as error:  # a list may name what no file can be called
        raise DataError(f"data set {folder} cannot be read: {reason(error)}") from error
    return replace(found, read_depth_file=reader)


def _opened(kind: str, folder: Path, list_file: str | Path) -> IndoorSet:
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder")
    if kind == "seven_scenes":
        return seven_scenes(folder)
    if kind not in SETS:
        raise ConfigError(f"data set {kind!r} is not one of {', '.join((*SETS, 'seven_scenes'))}")
    layout = SETS[kind]
    list_file = list_file or layout.default_list
    path = folder / list_file if (folder / list_file).is_file() else Path(list_file)
    entries = tuple(entry_of(line, layout.number, layout.side, path) for line in read_list(path))
    values = {
        name: value for name, value in vars(layout).items() if name not in ("number", "side", "default_list")
    }
    paths = [entry.path for entry in entries]
    if kind == "rosbag" and not all(recorded_depth(folder, paths)):
        values["depth_file"] = None
    return IndoorSet(kind, folder, entries, **values, cameras=recorded_cameras(folder, paths))


def seven_scenes(folder: Path) -> IndoorSet:
    """Open the frames as the reader for evaluation does (see `geo_perception.datasets.rgbd.seven_scenes`).

    Neighbours in time are the neighbours that exist; the first and the last frame serve as neighbours only.
    """
    files = kinect_scenes.images(folder)
    if len(files) < 3:
        raise DataError(f"{folder} holds {len(files)} files frame-*.color.png or .jpg; at least 3 are needed")
    stems = [path.name.split(".")[0] for path in files]
    entries = tuple(Entry(stems[i], i, "") for i in range(1, len(files) - 1))
    height, width = read_rgb(files[0]).shape[:2]
    camera, register = kinect_scenes.cameras(folder)
    registration = kinect_scenes.REGISTERED if register else kinect_scenes.AS_ONE
    report_doubts(str(folder), (f"{registration}; {camera.origin}",))
    return IndoorSet(
        "seven_scenes",
        folder,
        entries,
        shares_of(camera(None, width, height)),
        0.0,
        lambda entry, frame: files[entry.index + int(frame)].name,
        lambda entry: f"{entry.path}.depth.png",
        kinect_scenes.depth_reader(register=register),
    )
