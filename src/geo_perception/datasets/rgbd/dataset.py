# SPDX-License-Identifier: Apache-2.0
"""Folders of colour images with depth as a sequence of `RgbdFrame`s; the layouts are in `layouts.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.datasets.images import as_rgb, load_image, sizes
from geo_perception.datasets.rgbd.depth_files import DepthReader
from geo_perception.datasets.rgbd.depth_units import note_on
from geo_perception.errors import DataError, InputError
from geo_perception.frames import RgbdFrame, check_aspect, same_aspect
from geo_perception.geometry import PinholeCamera


@dataclass(frozen=True)
class RgbdFiles:
    """Paths of one frame's files."""

    name: str
    image: Path
    depth: Path


@dataclass(frozen=True)
class RgbdDataset(Sequence[RgbdFrame]):
    """Sequence of frames with `len`, index, slice and iteration; files are read at access."""

    kind: str  # e.g. "7-Scenes"
    root: Path
    files: tuple[RgbdFiles, ...]
    read_depth: Callable[[Path], Array]  # (h, w) metres, 0 or NaN = unknown
    camera: Callable[[RgbdFiles, int, int], PinholeCamera]  # of a frame whose image has this width and height
    registration: str  # what is assumed about colour, depth and camera

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, index: int) -> RgbdFrame: ...

    @overload
    def __getitem__(self, index: slice) -> RgbdDataset: ...

    def __getitem__(self, index: int | slice) -> RgbdFrame | RgbdDataset:
        """Read one frame, or return the data set of a slice of them.

        Raises:
            IndexError: beyond the last frame.
            DataError: a file of the frame is missing or damaged, or its camera is impossible.
        """
        if isinstance(index, slice):
            return self.part(self.files[index])
        files = self.files[index]
        truth_m = self.truth(index)
        image = fitting_image(files.image, truth_m, files.depth)
        try:
            camera = self.camera(files, image.shape[1], image.shape[0])
        except InputError as error:
            raise DataError(f"camera of {files.image}: {error}") from error
        return RgbdFrame(files.name, image, camera, truth_m)

    def assumptions(self) -> list[str]:
        """List what is assumed of the depth files read so far; empty where their encoding leaves nothing to assume.

        Raises:
            DataError: the first one is missing or damaged.
        """
        reader = self.read_depth
        if not isinstance(reader, DepthReader) or not self.files:
            return []
        note, counted = note_on(reader, self.files[0].depth), reader.tally.text()
        return [note, counted] if counted else [note]

    def part(self, files: tuple[RgbdFiles, ...]) -> RgbdDataset:
        """Return the same data set with these frames only."""
        return replace(self, files=files)

    def truth(self, index: int) -> Array:
        """Read (h, w) depth of one frame at its own resolution, NaN = unknown, without reading its image.

        Raises:
            DataError: missing or damaged.
        """
        depth_m = self.read_depth(self.files[index].depth)
        return np.where(depth_m > 0, depth_m, np.float32(np.nan))


def fitting_image(path: Path, truth_m: Array, depth: Path) -> NDArray[np.uint8]:
    """Read the image of a depth map: pixels as stored, or turned as the file says where only that fits.

    Raises:
        DataError: the image is missing or damaged, or shows another part of the scene than the depth.
    """
    image = load_image(path)
    stored, shown = sizes(image)
    upright = not same_aspect(stored, truth_m.shape) and same_aspect(shown, truth_m.shape)
    check_aspect(shown if upright else stored, truth_m.shape, str(path), f"depth {depth}")
    return as_rgb(image, path, upright=upright)
