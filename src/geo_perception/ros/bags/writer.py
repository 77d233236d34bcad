# SPDX-License-Identifier: Apache-2.0
"""Writer of frames as a rosbag2 that `ros2 bag play` plays; a bag gets its final name only once it is complete."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from geo_perception.errors import ConfigError, DataError, GeoPerceptionError
from geo_perception.frames import RgbdFrame, StereoLidarFrame
from geo_perception.outputs import check_folder, reason
from geo_perception.progress import track
from geo_perception.ros.bags.layout import STORAGES, BagTopics, offered_qos, typestore
from geo_perception.ros.bags.messages import StereoLidarMessages
from geo_perception.scratch import remove_abandoned, scratch_place

BAG_FILES = (".yaml", ".mcap", ".db3", ".zstd")  # suffixes of what a bag folder holds


class Messages(Protocol):
    """Conversion of a frame to messages."""

    @property
    def topics(self) -> BagTopics: ...
    def __call__(self, frame: Any) -> Iterator[tuple[str, Any]]: ...


def write_bag(
    path: str | Path,
    frames: Iterable[StereoLidarFrame] | Iterable[RgbdFrame],
    storage: str = "mcap",
    *,
    overwrite: bool = False,
    progress: bool = False,
    total: int | None = None,
    messages: Messages | None = None,
) -> int:
    """Write frames, in the order of their stamps, as a bag folder; return their number.

    Args:
        path: folder to create.
        frames: consumed one at a time.
        storage: mcap or sqlite3.
        overwrite: replace an existing bag (after the new one is complete) instead of refusing.
        progress: show a progress bar.
        total: number of frames for the progress bar, where `frames` has no length.
        messages: conversion of frames to messages; None: of a stereo pair and a sweep.

    Raises:
        ConfigError: unknown storage.
        DataError: `path` exists, there is no frame, stamps do not increase, or the disk refuses.
    """
    path = Path(path)
    if storage not in STORAGES:
        raise ConfigError(f"bag storage is {storage!r}, allowed: {', '.join(STORAGES)}")
    check_bag_place(path, overwrite=overwrite)
    shown = track(frames, "writing bag", total, hidden=not progress)
    with written_aside(path) as aside:
        return _write(aside, shown, storage, messages)


def check_bag_place(path: Path, *, overwrite: bool = False) -> None:
    """Check, before the work, that a bag can be written.

    Raises:
        DataError: the path exists; with `overwrite`, it is no bag and would be lost.
        OutputError: the disk refuses.
    """
    if os.path.lexists(path):
        if not overwrite:
            raise DataError(f"{path} exists already; choose another name or allow overwriting it")
        foreign = (
            [one.name for one in path.iterdir() if one.suffix not in BAG_FILES]
            if path.is_dir()
            else [path.name]
        )
        if foreign:
            raise DataError(f"{path} cannot be overwritten: it holds {foreign[0]!r}, which is part of no bag")
    check_folder(path.parent if path.exists() else path)


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a place beside `path` that is renamed to it on success and removed on failure."""
    try:
        remove_abandoned(path.parent)
        with scratch_place(path) as aside:  # the storage file inside is named after its folder
            yield aside
            if path.is_dir():
                shutil.rmtree(path)
            aside.rename(path)
    except (OSError, sqlite3.Error) as error:  # for a full disk SQLite has an error of its own
        said = reason(error) if isinstance(error, OSError) else str(error)
        raise DataError(f"bag {path} cannot be written: {said}") from error


def _write(path: Path, frames: Iterable[Any], storage: str, messages: Messages | None) -> int:
    count = 0
    with open_writer(path, storage) as bag:
        recorder = FrameRecorder(bag, messages)
        for frame in frames:
            recorder.record(frame)
            count += 1
        if not count:
            raise DataError(f"no frames to write to {path.name}")
    return count


def open_writer(path: Path, storage: str) -> Any:
    """Create a rosbags writer, a context manager; `storage` is one of STORAGES."""
    from rosbags.rosbag2 import StoragePlugin, Writer

    plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
    return Writer(path, version=9, storage_plugin=plugin)


class FrameRecorder:
    """Records frames as messages of an open rosbags writer."""

    def __init__(self, bag: Any, messages: Messages | None = None) -> None:
        self._messages: Messages = messages or StereoLidarMessages()
        self.bag, self.store = bag, typestore()
        self._connections: dict[str, Any] = {}
        self._newest_ns = -1

    def record(self, frame: StereoLidarFrame | RgbdFrame) -> None:
        """Write one frame.

        Raises:
            DataError: its stamp is not later than the previous one's, or its contents contradict each other.
        """
        if frame.stamp_ns <= self._newest_ns:
            raise DataError(
                f"frame {frame.name}: stamp {frame.stamp_ns} ns does not follow {self._newest_ns} ns"
            )
        self._newest_ns = frame.stamp_ns
        try:
            messages = list(self._messages(frame))
        except GeoPerceptionError as error:
            raise DataError(f"frame {frame.name}: {error}") from error
        for order, (topic, message) in enumerate(messages):
            # One nanosecond apart, so that every player and reader keeps the order.
            self._write(topic, frame.stamp_ns + order, message)

    def _write(self, topic: str, log_ns: int, message: Any) -> None:
        kind = self._messages.topics.types[topic]
        if topic not in self._connections:
            qos = [offered_qos(latched=topic == self._messages.topics.tf_static)]
            self._connections[topic] = self.bag.add_connection(
                topic, kind, typestore=self.store, offered_qos_profiles=qos
            )
        self.bag.write(self._connections[topic], log_ns, self.store.serialize_cdr(message, kind))
