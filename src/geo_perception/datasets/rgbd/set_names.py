# SPDX-License-Identifier: Apache-2.0
"""File names of the sets: neighbours, stereo partner and depth of an entry in a list.

A line states path, number and side, and its path repeats number and side. Where they differ, image and depth would
come from different moments, or the stereo baseline would have the wrong sign, so such lines are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from geo_perception.datasets.rgbd.files import Line
from geo_perception.errors import DataError

STEREO = "s"
SIDE_AT_END, SIDE_OF_FOLDER = r"_([01])$", r"_([01])/[^/]*$"  # 0 = left, 1 = right
SIDES = {"0": "l", "1": "r"}


@dataclass(frozen=True)
class Entry:
    """One reference frame."""

    path: str  # without extension, relative to the set's folder
    index: int
    side: str  # "l", "r" or ""


def entry_of(line: Line, number: str, side: str, origin: Path) -> Entry:
    """Parse a line of a list to an entry.

    Args:
        line: line of the list.
        number: pattern of the frame number in the path.
        side: pattern of the eye's number in the path, empty where paths do not tell.
        origin: the list, for messages.

    Raises:
        DataError: no number, or the line states another number or side than its path.
    """
    found = re.search(number, line.path)
    if found is None:
        raise DataError(f"{origin}: {line.path} does not end in a frame number ({number})")
    index, seen = int(found[1]), re.search(side, line.path) if side else None
    from_path = SIDES[seen[1]] if seen else ""
    if side and line.index not in (None, index):  # elsewhere the number names no file
        raise DataError(f"{origin}: {line.path} is frame {index}, its line says {line.index}")
    if from_path and line.side not in ("", from_path):
        raise DataError(f"{origin}: {line.path} is of side {from_path}, its line says {line.side}")
    # a bare path says its own number and side; the published loader takes number 0 and no side then
    return Entry(line.path, index, line.side or from_path or "l")


def numbered(digits: int, entry: Entry, frame: str) -> str:
    """Name a colour file of SimSIN or UniSIN: `...NNN_S.png`, number plus offset, side swapped for the partner."""
    stem, side = entry.path[: -(digits + 2)], entry.path[-1]
    if frame == STEREO:
        return f"{entry.path[:-1]}{'1' if side == '0' else '0'}.png"
    return f"{stem}{entry.index + int(frame):0{digits}d}_{side}.png"


def va_colour(entry: Entry, frame: str, *, still: bool = False) -> str:
    """Name a colour file of VA: `camera_S/NNNNNNNN.png`; `still` ignores offsets in time, as the published loader does.

    Raises:
        DataError: the partner is asked for, and the folder's name does not state the eye.
    """
    path = Path(entry.path)
    if frame == STEREO:
        folder = path.parent.name
        if folder[-2:] not in ("_0", "_1"):
            raise DataError(f"{entry.path}: its folder must end in _0 or _1 to have a stereo partner")
        # only this folder's: a room may be called room_0, too
        return str(path.parent.with_name(f"{folder[:-1]}{1 - int(folder[-1])}") / f"{path.name}.png")
    if still or frame == "0":
        return f"{entry.path}.png"
    return f"{entry.path[:-8]}{entry.index + int(frame):08d}.png"


def va_depth(entry: Entry) -> str:
    """Name a depth file of VA: `gt_depth_rectify/cam{0,1}_frame{index:04d}.depth.pfm` beside the camera's folder."""
    camera = 1 if entry.side == "r" else 0
    return str(
        Path(entry.path).parent.parent / f"gt_depth_rectify/cam{camera}_frame{entry.index:04d}.depth.pfm"
    )


def nyu_depth(entry: Entry) -> str:
    """Name a depth file of NYUv2: `depth_val/NNNNN.npy` of `img_val/NNNNN.png`."""
    path = Path(entry.path)
    return str(path.parent.with_name(path.parent.name.replace("img", "depth")) / f"{path.name}.npy")


def single(entry: Entry, frame: str) -> str:
    """Name a colour file of NYUv2, which has only the frame itself."""
    if frame != "0":
        raise DataError(f"NYUv2 has single frames; there is no frame {frame} for {entry.path}")
    return f"{entry.path}.png"
