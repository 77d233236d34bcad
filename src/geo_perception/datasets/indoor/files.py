# SPDX-License-Identifier: Apache-2.0
"""Lists, images and depth maps as the indoor sets store them; every defect is one DataError naming the file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from geo_perception.errors import DataError

Array = NDArray[np.float32]
Image8 = NDArray[np.uint8]

MODES = ("RGB", "RGBA", "L", "P")  # 8 bit; others would be clipped to white when converted


@dataclass(frozen=True)
class Line:
    """One line of a list."""

    path: str  # without extension, relative to the set's folder
    index: int | None = None  # frame number
    side: str = ""  # "l", "r" or unknown


def read_list(path: Path) -> tuple[Line, ...]:
    """Lines `<path> <frame> <l|r>` or `<path>` alone; Windows line ends, stray spaces and blank lines do not matter.

    Raises:
        DataError: file missing or not text, a line with other fields, or no line at all.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the list {path}: {error}") from error
    rows = [(number, line.split()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = tuple(_line(fields, f"{path}, line {number}") for number, fields in rows if fields)
    if not lines:
        raise DataError(f"{path} lists no sample")
    return lines


def _line(fields: list[str], origin: str) -> Line:
    if len(fields) == 1:
        return Line(fields[0])
    if len(fields) != 3:
        raise DataError(f"{origin}: {len(fields)} fields; a line is '<path>' or '<path> <frame> <l|r>'")
    path, index, side = fields
    if not index.isdecimal() or side not in ("l", "r"):
        raise DataError(f"{origin}: frame must be a number and side l or r, got '{index} {side}'")
    return Line(path, int(index), side)


def read_rgb(path: Path, *, upright: bool = False) -> Image8:
    """(H,W,3) RGB, turned as the file's orientation entry says if it is to be `upright`.

    Raises:
        DataError: missing, unreadable, truncated or not 8 bit.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in MODES:
                raise DataError(
                    f"{path} is not an 8-bit image (mode {image.mode}); allowed: {', '.join(MODES)}"
                )
            shown = ImageOps.exif_transpose(image) if upright else image
            return np.asarray(shown.convert("RGB"))
    except FileNotFoundError as error:
        raise DataError(f"image {path} is missing") from error
    except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError(f"image {path} cannot be read: {error}") from error


def read_depth_npy(path: Path) -> Array:
    """(H,W) metres from a NumPy file, 0 = unknown. Raises DataError: missing, damaged, not a finite image."""
    try:
        values = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"depth {path} is missing") from error
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"depth {path} cannot be read: {error}") from error
    if not isinstance(values, np.ndarray) or values.squeeze().ndim != 2 or values.dtype.kind not in "fiu":
        raise DataError(
            f"depth {path} must hold one image of numbers, has {getattr(values, 'shape', 'an archive')}"
        )
    return check_depth(values.squeeze().astype(np.float32), path)


def read_depth_pfm(path: Path) -> Array:
    """(H,W) from a PFM file, divided by its |scale| as OpenCV does, which the published VA loader uses.

    OpenCV itself is not used because it answers a truncated file with an image.
    """
    values, scale = read_pfm(path)
    if values.ndim != 2:
        raise DataError(f"depth {path} is a colour PFM")
    return check_depth((values / np.float32(abs(scale))).astype(np.float32), path)


def read_pfm(path: Path) -> tuple[Array, float]:
    """Values (H,W) or (H,W,3), top row first and not scaled, and the scale (negative = little endian).

    Raises:
        DataError: missing, no PFM, or another size than the header says.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"depth {path} is missing or cannot be read: {error.strerror}") from error
    header = re.match(rb"(P[Ff])\s+(\d+)\s+(\d+)\s+([-+.\deE]+)[ \t\r]*\n", content)
    scale = _number(header[4]) if header else 0.0
    if header is None or not np.isfinite(scale) or scale == 0:
        raise DataError(f"{path} has no PFM header (Pf or PF, width, height, scale other than 0)")
    shape = (int(header[3]), int(header[2]), *((3,) if header[1] == b"PF" else ()))
    body = content[header.end() :]
    if len(body) != 4 * int(np.prod(shape)):
        raise DataError(
            f"{path} holds {len(body)} bytes of pixels, its header asks for {4 * int(np.prod(shape))}"
        )
    values = np.frombuffer(body, "<f4" if scale < 0 else ">f4").reshape(shape)
    return values[::-1].astype(np.float32), scale


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def read_depth_png(path: Path, units_per_m: float, max_m: float) -> Array:
    """(H,W) metres from a 16-bit image; beyond `max_m` counts as unknown (0), as depth cameras mark it so."""
    try:
        with Image.open(path) as image:
            if not image.mode.startswith("I"):
                raise DataError(f"depth {path} is not a 16-bit image (mode {image.mode})")
            depth_m = np.asarray(image).astype(np.float32) / np.float32(units_per_m)
    except FileNotFoundError as error:
        raise DataError(f"depth {path} is missing") from error
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        raise DataError(f"depth {path} cannot be read: {error}") from error
    return check_depth(np.where(depth_m > max_m, np.float32(0), depth_m), path)


def check_depth(depth_m: Array, path: Path) -> Array:
    """The depth itself. Raises DataError for values that are not finite and for maps without any depth."""
    bad = int((~np.isfinite(depth_m)).sum())
    if bad:
        raise DataError(
            f"depth {path}: {bad} of {depth_m.size} values are not finite; unknown depth is 0 there"
        )
    if not (depth_m > 0).any():
        raise DataError(f"depth {path} holds no positive value")
    return depth_m
