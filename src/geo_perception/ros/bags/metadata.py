# SPDX-License-Identifier: Apache-2.0
"""Reader of a bag folder's metadata.yaml: the files of the bag, and their compression."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from geo_perception.errors import DataError
from geo_perception.ros.bags.compression import SUFFIX

METADATA = "metadata.yaml"
CONTENT = "rosbag2_bagfile_information"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # safe either way; bags may have thousands of topics


@dataclass(frozen=True)
class Metadata:
    """Used entries of metadata.yaml; topics, types and counts are read from the files themselves."""

    files: tuple[Path, ...]
    latched: frozenset[str]  # topics that are offered as transient local
    messages: int | None  # in all files


def read_metadata(folder: Path) -> Metadata:
    """Read the metadata.yaml of a folder.

    Raises:
        DataError: not readable, not YAML, an entry or a file is missing, or a compression is unknown.
    """
    path = folder / METADATA
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), LOADER)[CONTENT]
        names = [PurePosixPath(str(name)).name for name in content["relative_file_paths"]]
        compressed = str(content.get("compression_mode") or "none").lower() not in ("none", "")
        kind = str(content.get("compression_format") or "")
        latched = frozenset(_latched(content))
        count = content.get("message_count")
    except Exception as error:  # of any kind: what YAML holds may have any structure
        said = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"bag {folder} cannot be read: {path} is damaged ({said}); without the file, or by "
            f"`ros2 bag reindex {shlex.quote(str(folder))}`, its recordings are read as they are"
        ) from error
    if compressed and kind != "zstd":
        raise DataError(f"bag {folder} cannot be read: its compression is {kind!r}, allowed: zstd")
    return Metadata(_found(folder, names), latched, count if isinstance(count, int) else None)


def _found(folder: Path, names: list[str]) -> tuple[Path, ...]:
    """Find the files; older recorders name compressed ones without their suffix."""
    found = [next((p for p in (folder / n, folder / (n + SUFFIX)) if p.is_file()), None) for n in names]
    missing = [name for name, path in zip(names, found, strict=True) if path is None]
    if missing or not names:
        there = ", ".join(sorted(p.name for p in folder.iterdir() if p.name != METADATA)) or "nothing"
        raise DataError(
            f"bag {folder} cannot be read: {METADATA} lists {', '.join(missing) or 'no file'}, which is missing; "
            f"there is {there} (renamed? name the file itself, or run `ros2 bag reindex {shlex.quote(str(folder))}`)"
        )
    return tuple(path for path in found if path is not None)


def _latched(content: Any) -> list[str]:
    names = []
    for row in content.get("topics_with_message_count") or ():
        topic = row["topic_metadata"]
        profiles = topic.get("offered_qos_profiles") or []
        profiles = yaml.load(profiles, LOADER) if isinstance(profiles, str) else profiles
        if any(str(one.get("durability")).lower() in ("1", "transient_local") for one in profiles or ()):
            names.append(str(topic["name"]))
    return names
