# SPDX-License-Identifier: Apache-2.0
"""Training sets on disk: sub-folders with a record each, all of one kind, and the two lists of their images."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from geo_perception.datasets.rgbd.records import RECORD
from geo_perception.errors import ConfigError, DataError
from geo_perception.outputs import reason, written_aside

LISTS = ("stereo.txt", "temporal.txt")
MODEL = "model.yaml"  # the card of one
BAG = "metadata.yaml"  # of rosbag2
ROOMS, RECORDINGS = "simulated rooms", "recordings"
OWN_ENTRY = {ROOMS: "files", RECORDINGS: "stamps_ns"}  # of the record, by what lies in the folder


def check_set_folder(folder: Path, kind: str) -> None:
    """Raise DataError, naming what is there, if a folder holds a model, a bag or a data set of another kind.

    Args:
        folder: the set's folder; need not exist.
        kind: ROOMS or RECORDINGS.
    """
    if (folder / MODEL).exists():
        raise DataError(f"{folder} is a model, and {kind} need a folder of their own: choose another")
    if (folder / BAG).exists():
        raise DataError(f"{folder} is a bag, and {kind} need a folder of their own: choose another")
    found = False
    for path in record_files(folder):
        found = True
        record = read_record(path)
        if OWN_ENTRY[kind] not in record:
            other = next((name for name, entry in OWN_ENTRY.items() if entry in record), "something else")
            raise DataError(
                f"{folder} holds {other} ({path.parent.name}), and {kind} need a folder of their own: choose another"
            )
    lists = [name for name in LISTS if (folder / name).exists()]
    if lists and not found:
        raise DataError(
            f"{folder} holds {lists[0]} of another data set, which would be lost: choose another folder"
        )


def record_files(folder: Path) -> Iterator[Path]:
    """Yield the record of every complete sub-folder; names of unfinished ones begin with a dot."""
    return (path for path in sorted(folder.glob(f"*/{RECORD}")) if not path.parent.name.startswith("."))


def read_record(path: Path) -> dict[str, Any]:
    """Read a record. Raises DataError if it is missing or damaged."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason(error)}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged ({error}); remove {path.parent} and start again") from error
    if not isinstance(record, dict):
        raise DataError(f"{path} is damaged (no mapping); remove {path.parent} and start again")
    return record


def check_part_name(name: str) -> None:
    """Raise ConfigError unless a sub-folder of this name can be in the lists, whose lines end in frame and side."""
    words = " ".join(name.split())
    if name and name == words and "/" not in name and not name.startswith(".") and name.isprintable():
        return
    raise ConfigError(
        f"a recording cannot be named {name!r}: letters, digits, signs and single spaces are allowed, no slash, and "
        "neither dot in front nor space at an end; rename the bag"
    )


def write_set_lists(folder: Path, stereo: Sequence[str], temporal: Sequence[str]) -> None:
    """Replace both lists by these lines. Raises OutputError if the disk refuses; earlier lists are kept then."""
    first, second = (folder / name for name in LISTS)
    with written_aside(first) as one, written_aside(second) as other:
        one.write_text("".join(f"{line}\n" for line in stereo), encoding="utf-8")
        other.write_text("".join(f"{line}\n" for line in temporal), encoding="utf-8")
