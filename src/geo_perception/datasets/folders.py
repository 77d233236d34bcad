# SPDX-License-Identifier: Apache-2.0
"""Which files of a folder are meant: every reader sees the same ones, in the order of the numbers in their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from geo_perception.errors import DataError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp")


def files_in(folder: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES, pattern: str = "*") -> list[Path]:
    """Files of these suffixes in any case, 2 before 10; names that begin with a dot are the system's, not the user's.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        found = [p for p in folder.glob(pattern) if p.suffix.lower() in suffixes and p.name[0] != "."]
        return sorted((p for p in found if p.is_file()), key=natural_order)
    except OSError as error:
        raise DataError(f"folder {folder} cannot be read: {error.strerror}") from error


def folders_in(folder: Path) -> list[Path]:
    """Sub-folders by name, without hidden ones. Raises DataError if the folder cannot be read."""
    try:
        return sorted(p for p in folder.iterdir() if p.name[0] != "." and p.is_dir())
    except OSError as error:
        raise DataError(f"folder {folder} cannot be read: {error.strerror}") from error


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Sorts numbers by value."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]


def by_stem(files: Iterable[Path]) -> dict[str, Path]:
    """Files by name without suffix.

    Raises:
        DataError: two files have the same one, so that it is not known which is meant.
    """
    found: dict[str, Path] = {}
    for path in files:
        other = found.setdefault(path.stem, path)
        if other is not path:
            raise DataError(f"{other} and {path.name} have the same name; which one is meant is not known")
    return found
