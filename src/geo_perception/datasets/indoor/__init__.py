# SPDX-License-Identifier: Apache-2.0
"""Indoor image sets: those that networks are trained on, and RGB-D folders that they are judged on."""

from __future__ import annotations

from pathlib import Path

from geo_perception.datasets.indoor.layouts import LAYOUTS
from geo_perception.datasets.indoor.rgbd import RgbdDataset, RgbdFiles
from geo_perception.errors import DataError

__all__ = ["RgbdDataset", "RgbdFiles", "find_rgbd", "open_rgbd", "open_rgbd_sets"]


def open_rgbd(path: str | Path) -> RgbdDataset:
    """The frames of one RGB-D folder: 7-Scenes, Redwood, TUM, NYU, SUN, VA, NYUv2, SimSIN or simulated rooms.

    Raises:
        DataError: no such folder, an unknown layout, or a frame without its partner file.
    """
    root = _folder(path)
    found = find_rgbd(root)
    if found is None:
        content = ", ".join(sorted(p.name for p in root.iterdir())[:8]) or "nothing"
        raise DataError(
            f"RGB-D data {root}: layout not recognised, found {content}; expected frame-*.color.png with .depth.png, "
            "color/ and depth/, NAME_color.ppm with NAME_depth.pgm, NAME_color.jpg with NAME_depth.png, NAME.png with "
            "NAME_depth.png, or ROOM/NNN_0.png with NNN_0_depth.npy"
        )
    return found


def open_rgbd_sets(path: str | Path) -> list[RgbdDataset]:
    """The data set of a folder or, where the folder itself is none, those of its sub-folders that are.

    Raises:
        DataError: neither.
    """
    root = _folder(path)
    found = find_rgbd(root)
    if found is not None:
        return [found]
    below = [find_rgbd(folder) for folder in sorted(p for p in root.iterdir() if p.is_dir())]
    return [data_set for data_set in below if data_set is not None] or [open_rgbd(root)]


def _folder(path: str | Path) -> Path:
    root = Path(path)
    if not root.is_dir():
        raise DataError(f"RGB-D data {root} is no folder")
    return root


def find_rgbd(root: Path) -> RgbdDataset | None:
    """The RGB-D data of a folder, None if it is something else. Raises DataError if a partner file is missing."""
    return next((found for layout in LAYOUTS if (found := layout(root)) is not None), None)
