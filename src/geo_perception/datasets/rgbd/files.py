# SPDX-License-Identifier: Apache-2.0
"""Readers of lists and depth maps of the indoor sets; every defect is one DataError naming the file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geo_perception._types import Array
from geo_perception.datasets.images import read_content
from geo_perception.errors import DataError


@dataclass(frozen=True)
class Line:
    """One line of a list."""

    path: str  # without extension, relative to the set's folder
    index: int | None = None  # frame number
    side: str = ""  # "l", "r" or unknown


def read_list(path: Path) -> tuple[Line, ...]:
    """Read lines `<path> <frame> <l|r>` or `<path>`; Windows line ends, stray spaces and blank lines do not matter.

    Raises:
        DataError: file missing or not text, a line with other fields, or no line at all.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the list {path}: {error}") from error
    rows = [(number, _fields(line)) for number, line in enumerate(re.split("\r\n?|\n", text), start=1)]
    lines = tuple(_line(fields, f"{path}, line {number}") for number, fields in rows if fields)
    if not lines:
        raise DataError(f"{path} lists no sample")
    return lines


def _fields(line: str) -> list[str]:
    """Split a line into its fields; the path may hold spaces where frame and side follow it."""
    fields = line.split()
    if len(fields) > 3 and fields[-2].isdecimal() and fields[-1] in ("l", "r"):
        return line.strip().rsplit(maxsplit=2)
    return fields


def _line(fields: list[str], origin: str) -> Line:
    if len(fields) == 1:
        return Line(fields[0])
    if len(fields) != 3:
        raise DataError(f"{origin}: {len(fields)} fields; a line is '<path>' or '<path> <frame> <l|r>'")
    path, index, side = fields
    if not re.fullmatch(r"\d{1,9}", index) or side not in ("l", "r"):
        raise DataError(f"{origin}: frame must be a number and side l or r, got '{index} {side}'")
    return Line(path, int(index), side)


def read_pfm(path: Path) -> tuple[Array, float]:
    """Read values (H,W) or (H,W,3), top row first and not scaled, and the scale (negative = little endian).

    Raises:
        DataError: missing, no PFM, or another size than the header says.
    """
    content = read_content(path, "depth")
    header = re.match(rb"(P[Ff])\s+([1-9]\d{0,5})\s+([1-9]\d{0,5})\s+([-+.\deE]+)[ \t\r]*\n", content)
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


def check_depth(depth_m: Array, path: Path) -> Array:
    """Return depth (H,W) unchanged. Raises DataError for values that are not finite and for maps without any depth."""
    bad = int((~np.isfinite(depth_m)).sum())
    if bad:
        raise DataError(
            f"depth {path}: {bad} of {depth_m.size} values are not finite; unknown depth is 0 there"
        )
    if not (depth_m > 0).any():
        raise DataError(f"depth {path} holds no positive value")
    return depth_m
