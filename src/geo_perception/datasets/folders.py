# SPDX-License-Identifier: Apache-2.0
"""Listing of folders: every reader sees the same files, in the order of the numbers in their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from geo_perception.errors import DataError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp")


def files_in(folder: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES, pattern: str = "*") -> list[Path]:
    """List files of these suffixes in any case, 2 before 10, without hidden ones, whose names begin with a dot.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        found = [p for p in folder.glob(pattern) if p.suffix.lower() in suffixes and p.name[0] != "."]
        return sorted((p for p in found if p.is_file()), key=natural_order)
    except OSError as error:
        raise DataError(f"folder {folder} cannot be read: {error.strerror}") from error


def folders_in(folder: Path) -> list[Path]:
    """List sub-folders by name, without hidden ones. Raises DataError if the folder cannot be read."""
    try:
        return sorted(p for p in folder.iterdir() if p.name[0] != "." and p.is_dir())
    except OSError as error:
        raise DataError(f"folder {folder} cannot be read: {error.strerror}") from error


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Compute a key that sorts the numbers in names by value."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]


def by_stem(files: Iterable[Path]) -> dict[str, Path]:
    """Index files by their name without suffix.

    Raises:
        DataError: two files have the same name, so that it is ambiguous.
    """
    found: dict[str, Path] = {}
    for path in files:
        other = found.setdefault(path.stem, path)
        if other is not path:
            raise DataError(f"{other} and {path.name} have the same name; which one is meant is not known")
    return found
