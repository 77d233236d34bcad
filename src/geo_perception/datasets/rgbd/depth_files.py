# SPDX-License-Identifier: Apache-2.0
"""Depth files as metres: stored numbers, their unit, and the sentinels that mark unmeasured pixels."""

from __future__ import annotations

import struct
import tokenize
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.datasets.images import load_image
from geo_perception.datasets.rgbd.files import read_pfm
from geo_perception.errors import DataError

Stored = NDArray[Any]

IMAGE_SUFFIXES = (".png", ".tif", ".tiff", ".pgm")
DEPTH_SUFFIXES = (*IMAGE_SUFFIXES, ".npy", ".pfm")
# Farthest depth of depth cameras and of anything indoors; beyond it nothing was measured.
SENSOR_FARTHEST_M, FARTHEST_M = 60.0, 100.0
SENTINELS_16_BIT = (65535,)  # also where a 16-bit file was read into a wider type
NUMPY_ERRORS = (
    OSError, ValueError, TypeError, LookupError, OverflowError, MemoryError, EOFError, SyntaxError, struct.error,
    tokenize.TokenError, zipfile.BadZipFile,
)  # fmt: skip


@dataclass(frozen=True)
class DepthUnit:
    """Unit of the numbers in some files."""

    per_m: float  # stored numbers in a metre
    reason: str  # why that unit is assumed, for the user
    # Median of such data, and what nine of ten pixels stay below [m]. Outside, another unit is looked for.
    usual_m: tuple[float, float] = (0.0, float("inf"))
    ceiling_m: float = float("inf")
    integers: DepthUnit | None = None  # of integer arrays, where the set's own are floats

    def of(self, stored: Stored) -> DepthUnit:
        """Return the unit of this array."""
        return self.integers if self.integers is not None and stored.dtype.kind in "iu" else self


ROOM_M, CEILING_M = (0.25, 7.0), 12.0  # of images taken indoors
MILLIMETRES = DepthUnit(1000.0, "millimetres, as they are integers", ROOM_M, CEILING_M)
METRES = DepthUnit(1.0, "metres, as they are floats", (0.02, 50.0), integers=MILLIMETRES)


@dataclass
class Tally:
    """Count of sentinel values over all files read; several threads may read."""

    values: int = 0
    unseen: int = 0
    first: Path | None = None  # file with such values
    example: float = 0.0
    _lock: Any = field(default_factory=Lock, repr=False)

    def add(self, path: Path, stored: Stored, unseen: NDArray[np.bool_]) -> None:
        """Count the values of one file that are `unseen` (H, W)."""
        count = int(unseen.sum())
        with self._lock:
            self.values += stored.size
            self.unseen += count
            if count and self.first is None:
                self.first, self.example = path, float(stored[unseen][0])

    def text(self) -> str:
        """Summarise the count in one line, empty where there was no such value."""
        if self.first is None:
            return ""
        return (
            f"{100 * self.unseen / self.values:.3g}% of the depth values say that nothing was seen and count as "
            f"unknown, e.g. {self.example:g} in {self.first}"
        )


@dataclass(frozen=True)
class DepthReader:
    """Reader of one data set's depth files: (H, W) float32 metres, 0 = unknown."""

    unit: DepthUnit
    farthest_m: float = FARTHEST_M
    empty: bool = False  # whether a map without any depth is a map
    view: Callable[[Array], Array] | None = None  # further processing of a map, e.g. registration to colour
    tally: Tally = field(default_factory=Tally, compare=False)

    def __call__(self, path: Path) -> Array:
        """Read a file: (H, W) float32 metres, 0 = unknown.

        Raises:
            DataError: missing, damaged, no image of numbers, or without any depth.
        """
        stored = read_stored(path)
        unit = self.unit.of(stored)
        with np.errstate(over="ignore", invalid="ignore"):
            depth_m: Array = np.asarray(stored, np.float32) / np.float32(unit.per_m)
            unseen = ~(depth_m >= 0) | (depth_m > self.farthest_m) | is_sentinel(stored)
        self.tally.add(path, stored, unseen)
        depth_m[unseen] = 0
        if not self.empty and not (depth_m > 0).any():
            raise DataError(
                f"depth {path} holds no positive value up to {self.farthest_m:g} m, read as {unit.reason}; "
                f"the numbers are {extent(stored)}"
            )
        return depth_m if self.view is None else self.view(depth_m)


def is_sentinel(stored: Stored) -> NDArray[np.bool_]:
    """Find where integers are the largest number of 16 bits (or of 8), which cameras store for "not measured"."""
    if stored.dtype.kind not in "iu":
        return np.zeros(stored.shape, bool)
    largest = np.iinfo(stored.dtype).max
    marks = (*(s for s in SENTINELS_16_BIT if s <= largest), largest)
    return np.asarray(np.isin(stored, marks), bool)


def extent(stored: Stored) -> str:
    """Describe the range of an array."""
    finite = stored[np.isfinite(stored)]
    return f"{finite.min():g} to {finite.max():g}" if finite.size else "not finite"


def read_stored(path: Path) -> Stored:
    """Read (H, W) numbers as a file holds them: 16-bit or float image, NumPy array, or PFM divided by its scale.

    Raises:
        DataError: missing, damaged, another kind of file, or not one image of real numbers.
    """
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _checked(_read_npy(path), path)
    if suffix == ".pfm":
        values, scale = read_pfm(path)
        # as OpenCV, and VA's loader
        return _checked((values / np.float32(abs(scale))).astype(np.float32), path)
    if suffix not in IMAGE_SUFFIXES:
        raise DataError(
            f"depth {path}: {path.suffix or 'no suffix'} is not read; allowed: {', '.join(DEPTH_SUFFIXES)}"
        )
    image = load_image(path, "depth")
    if image.mode[0] not in "IF":
        raise DataError(f"depth {path} is not a 16-bit image (mode {image.mode})")
    return _checked(np.asarray(image), path)


def _read_npy(path: Path) -> Stored:
    if not path.is_file():
        raise DataError(f"depth {path} is missing")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that old versions wrote
            values = np.load(path, allow_pickle=False)
    except NUMPY_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"depth {path} cannot be read: {reason}") from error
    if not isinstance(values, np.ndarray):
        raise DataError(f"depth {path} must hold one image of numbers, has an archive of several arrays")
    return values.squeeze()


def _checked(values: Stored, path: Path) -> Stored:
    if values.ndim != 2 or not values.size or values.dtype.kind not in "fiu":
        raise DataError(
            f"depth {path} must hold one image of numbers, has {values.dtype} of shape {values.shape}"
        )
    return values
