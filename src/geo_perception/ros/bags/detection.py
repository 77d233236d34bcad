# SPDX-License-Identifier: Apache-2.0
"""Detection of bags and of the files that they consist of."""

from __future__ import annotations

import logging
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from geo_perception.errors import DataError
from geo_perception.ros.bags.compression import SUFFIX
from geo_perception.ros.bags.metadata import METADATA, read_metadata

BAG_SUFFIXES = (".mcap", ".db3")
ROS1_SUFFIX, ROS1_MAGIC = ".bag", b"#ROSBAG V"
NUMBERED = re.compile(r"(.*?)_?(\d*)")  # recorders split bags into NAME_0, NAME_1, ...

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BagFiles:
    """The files of a bag, in the order of recording."""

    path: Path  # as given by the user
    files: tuple[Path, ...]
    latched: frozenset[str] = frozenset()
    messages: int | None = None  # as metadata.yaml says; None: it is not there


def is_bag(path: Path) -> bool:
    """Return whether a path is meant as a bag, including bags of ROS 1, which `bag_files` refuses with advice."""
    if path.is_dir():
        return (path / METADATA).is_file() or bool(_storage_files(path) or _ros1_files(path))
    return path.name == METADATA or storage_suffix(path) in (*BAG_SUFFIXES, ROS1_SUFFIX) or _is_ros1(path)


def storage_suffix(path: Path) -> str:
    """Return .mcap or .db3, also of a compressed file."""
    return Path(path.stem).suffix if path.suffix == SUFFIX else path.suffix


def bag_files(path: Path) -> BagFiles:
    """Find the files of a bag folder, with or without metadata.yaml, or the one file that was named.

    Raises:
        DataError: no bag, a bag of ROS 1, files of several bags, or a damaged metadata.yaml.
    """
    if path.name == METADATA and path.is_file():
        path = path.parent
    try:
        if not path.exists():
            raise DataError(f"{path} is no bag: it does not exist")
        return _of_folder(path) if path.is_dir() else _of_file(path)
    except OSError as error:
        raise DataError(f"bag {path} cannot be read: {error.strerror or error}") from error


def _of_folder(path: Path) -> BagFiles:
    if (path / METADATA).is_file():
        known = read_metadata(path)
        return BagFiles(path, known.files, known.latched, known.messages)
    files = _storage_files(path)
    if not files:
        for file in _ros1_files(path):
            raise _ros1_error(file)
        raise DataError(f"{path} is no bag: it has neither {METADATA} nor a file *.mcap or *.db3")
    several = {(str(_split_name(file)[0]), storage_suffix(file)) for file in files}
    if len(several) > 1:
        names = ", ".join(file.name for file in files)
        raise DataError(f"{path} has no {METADATA} and holds files of several bags; name one: {names}")
    logger.warning(
        "bag %s has no %s, as after a recorder was killed: %s read as found; `ros2 bag reindex %s` restores it",
        path,
        METADATA,
        f"{len(files)} files are" if len(files) > 1 else f"{files[0].name} is",
        shlex.quote(str(path)),
    )
    return BagFiles(path, tuple(files))


def _of_file(path: Path) -> BagFiles:
    if _is_ros1(path) or path.suffix == ROS1_SUFFIX:
        raise _ros1_error(path)
    if storage_suffix(path) not in BAG_SUFFIXES:
        raise DataError(
            f"bag {path} cannot be read: it is neither a folder nor a file *.mcap or *.db3 (.zstd)"
        )
    others = [file for file in _storage_files(path.parent) if file != path]
    if (path.parent / METADATA).is_file() and others:
        logger.warning("%s is one of the %d files of bag %s", path, len(others) + 1, path.parent)
    return BagFiles(path, (path,))


def _storage_files(folder: Path) -> list[Path]:
    """List the bag files of a folder, by the numbers at the end of their names."""
    files = [file for file in folder.iterdir() if storage_suffix(file) in BAG_SUFFIXES and file.is_file()]
    return sorted(files, key=_split_name)


def _split_name(file: Path) -> tuple[str, int]:
    """Split a name into stem and number at its end; 0 where there is none."""
    stem = file.name.partition(storage_suffix(file))[0]
    found = NUMBERED.fullmatch(stem)
    return (found[1], int(found[2] or 0)) if found else (stem, 0)


def _ros1_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob(f"*{ROS1_SUFFIX}") if _is_ros1(file))


def _is_ros1(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(ROS1_MAGIC)) == ROS1_MAGIC


def _ros1_error(path: Path) -> DataError:
    source, target = shlex.quote(str(path)), shlex.quote(str(path.with_suffix("")))
    return DataError(
        f"{path} is a bag of ROS 1; convert it by: rosbags-convert --src {source} --dst {target}"
    )
