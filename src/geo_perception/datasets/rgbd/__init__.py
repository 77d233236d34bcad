# SPDX-License-Identifier: Apache-2.0
"""Indoor image sets for training, and RGB-D folders for evaluation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from geo_perception.datasets.folders import folders_in
from geo_perception.datasets.rgbd.dataset import RgbdDataset, RgbdFiles
from geo_perception.datasets.rgbd.depth_encodings import read_sun_png
from geo_perception.datasets.rgbd.depth_files import METRES, SENSOR_FARTHEST_M, DepthReader
from geo_perception.datasets.rgbd.depth_units import parse_unit, settled
from geo_perception.datasets.rgbd.layouts import LAYOUTS
from geo_perception.errors import ConfigError, DataError

__all__ = ["RgbdDataset", "RgbdFiles", "find_rgbd", "open_rgbd", "open_rgbd_sets"]


def open_rgbd(path: str | Path, depth_unit: str = "") -> RgbdDataset:
    """Open the frames of one RGB-D folder: 7-Scenes, Redwood, TUM, NYU, SUN, VA, NYUv2, SimSIN or simulated rooms.

    Args:
        path: the folder.
        depth_unit: unit of its depth files: m, cm, mm, or units in a metre; empty: what the files and their kind say.

    Raises:
        DataError: no such folder, an unknown layout, a frame without its partner, or depth of an uncertain unit.
        ConfigError: no such unit, or the set's depth has an encoding of its own.
    """
    root = _folder(path)
    found = find_rgbd(root, depth_unit)
    if found is None:
        content = ", ".join(sorted(p.name for p in root.iterdir())[:8]) or "nothing"
        raise DataError(
            f"RGB-D data {root}: layout not recognised, found {content}; expected frame-*.color.png with .depth.png, "
            "color/ and depth/, NAME_color.ppm with NAME_depth.pgm, NAME_color.jpg with NAME_depth.png, NAME.png with "
            "NAME_depth.png, or ROOM/NNN_0.png with NNN_0_depth.npy"
        )
    return found


def open_rgbd_sets(path: str | Path, depth_unit: str = "") -> list[RgbdDataset]:
    """Open the data set of a folder or, where the folder itself is none, those of its sub-folders.

    Raises:
        DataError: neither the folder nor a sub-folder is a data set.
    """
    root = _folder(path)
    found = find_rgbd(root, depth_unit)
    if found is not None:
        return [found]
    below = [find_rgbd(folder, depth_unit) for folder in folders_in(root)]
    return [data_set for data_set in below if data_set is not None] or [open_rgbd(root, depth_unit)]


def _folder(path: str | Path) -> Path:
    root = Path(path)
    if not root.is_dir():
        raise DataError(f"RGB-D data {root} is no folder")
    return root


def find_rgbd(root: Path, depth_unit: str = "") -> RgbdDataset | None:
    """Open the RGB-D data of a folder, None if it is something else. Raises as `open_rgbd` does."""
    stated_per_m = parse_unit(depth_unit)
    try:
        found = next((found for layout in LAYOUTS if (found := layout(root)) is not None), None)
    except OSError as error:
        raise DataError(f"RGB-D data {root} cannot be read: {error}") from error
    return None if found is None else _with_unit(found, stated_per_m)


def _with_unit(found: RgbdDataset, stated_per_m: float | None) -> RgbdDataset:
    reader = found.read_depth
    if reader is read_sun_png and stated_per_m is not None:
        reader = DepthReader(METRES, SENSOR_FARTHEST_M, empty=True)
    if not isinstance(reader, DepthReader):
        if stated_per_m is not None:
            raise ConfigError(
                f"{found.root} ({found.kind}) stores depth in a code of its own, which has no unit"
            )
        return found
    files = [frame.depth for frame in found.files]
    return replace(found, read_depth=settled(reader, files, stated_per_m, found.root))
