# SPDX-License-Identifier: Apache-2.0
"""Open bags: their topics, and their messages as recorded."""

from __future__ import annotations

import logging
import shlex
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from geo_perception.errors import DataError
from geo_perception.ros.bags.compression import SUFFIX, decompress_file, message_data
from geo_perception.ros.bags.detection import BagFiles, bag_files, storage_suffix
from geo_perception.ros.bags.layout import typestore
from geo_perception.ros.bags.storage import CDR, Recorded, Storage, TopicMetadata, merged

logger = logging.getLogger(__name__)


class Bag:
    """All files of a bag as one; a context manager.

    Topics are known by name and type: the quality of service that recorder and metadata.yaml note may differ.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a bag.

        Args:
            path: bag folder, or a single .mcap or .db3 file, as it is or compressed (.zstd).

        Raises:
            DataError: it does not exist, is no bag, or is damaged. Recordings that end too early, as those of killed
                recorders, are read as far as they go, and a warning says so; not if metadata.yaml says that they
                were complete once.
        """
        self.path = Path(path)
        self._stack = ExitStack()
        self._store = typestore()
        try:
            found = bag_files(self.path)
            self._storages = sorted((self._open(file) for file in found.files), key=_begin_ns)
            self._check(found)
        except BaseException:
            self.close()
            raise
        topics = merged(topic for storage in self._storages for topic in storage.topics)
        self.topics = [_latched(topic) if topic.name in found.latched else topic for topic in topics]
        self._by_key = {topic.key: topic for topic in self.topics}

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all files."""
        self._stack.close()

    @property
    def message_count(self) -> int:
        """Number of messages on all topics."""
        return sum(topic.count for topic in self.topics)

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """Return the times of the first and the last message; None: there is no message."""
        spans = [storage.span_ns for storage in self._storages if storage.span_ns is not None]
        return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None

    def kinds(self) -> dict[str, str]:
        """Map each topic to its type; of several types on one topic, that with the most messages."""
        return {topic.name: topic.type for topic in sorted(self.topics, key=lambda topic: topic.count)}

    def find(self, name: str, kind: str) -> TopicMetadata | None:
        """The topic of this name and type, in CDR, as ROS 2 writes it."""
        return self._by_key.get((name, kind, CDR))

    def messages(self, wanted: Collection[TopicMetadata] | None = None) -> Iterator[Recorded]:
        """The messages of some topics, or of all, in the order of recording.

        Raises:
            DataError: the bag is damaged.
        """
        keys = self._by_key.keys() if wanted is None else {topic.key for topic in wanted}
        for storage in self._storages:
            try:
                for topic, log_ns, data in storage.messages(keys) if keys else ():
                    yield Recorded(self._by_key[topic.key], log_ns, message_data(data))
            except Exception as error:  # of any kind: libraries take the bytes' structure for granted
                raise self._damage(storage.path, error) from error

    def decode(self, message: Recorded) -> Any:
        """Decode a message to a class of `rosbags`. Raises DataError naming topic and time."""
        topic = message.topic
        try:
            return self._store.deserialize_cdr(message.data, topic.type)
        except Exception as error:  # of any kind: the library takes the bytes' structure for granted
            said = error or type(error).__name__
            raise DataError(
                f"bag {self.path} is damaged: the message on {topic.name} at {message.log_ns} ns is no {topic.type} "
                f"({len(message.data)} bytes: {said})"
            ) from error

    def _open(self, file: Path) -> Storage:
        try:
            plain, cut_off = self._decompressed(file) if file.suffix == SUFFIX else (file, "")
            storage = _reader(storage_suffix(file), plain)
        except ImportError:
            raise  # the command line names the package
        except Exception as error:  # of any kind: libraries take the bytes' structure for granted
            raise self._damage(file, error) from error
        self._stack.callback(storage.close)
        if cut_off and not storage.cut_off:
            logger.warning("%s: %s", file, cut_off)
        return storage

    def _decompressed(self, file: Path) -> tuple[Path, str]:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="geo_perception_bag_"))
        plain = Path(folder) / file.stem
        complete = decompress_file(file, plain)
        return plain, "" if complete else "the compressed file ends before its time"

    def _damage(self, file: Path, error: Exception) -> DataError:
        said = " ".join(str(error).split()) or type(error).__name__
        inside = f"{file.name}: " if file != self.path else ""
        if isinstance(error, OSError):
            return DataError(f"bag {self.path} cannot be read: {inside}{error.strerror or said}")
        cure = (
            f"; `sqlite3 {shlex.quote(str(file))} .recover` saves what can be" if "disk image" in said else ""
        )
        return DataError(f"bag {self.path} cannot be read, it is damaged: {inside}{said}{cure}")

    def _check(self, found: BagFiles) -> None:
        """Check for missing messages: a cut-off file that metadata.yaml counts raises DataError, others warn."""
        count = sum(topic.count for storage in self._storages for topic in storage.topics)
        for storage in self._storages:
            if storage.cut_off and found.messages is not None:
                raise DataError(
                    f"bag {self.path} cannot be read: {storage.path.name} is cut off ({storage.cut_off}), of "
                    f"{found.messages} messages in metadata.yaml it has {count}; copy it once more, or name the file "
                    "itself to read what is there"
                )
            if storage.cut_off:
                said = sum(topic.count for topic in storage.topics)
                logger.warning(
                    "%s is cut off (%s): %d messages before are read", storage.path, storage.cut_off, said
                )
        if found.messages is not None and found.messages != count:
            logger.warning("bag %s has %d messages, metadata.yaml says %d", self.path, count, found.messages)


def open_bag(path: str | Path) -> Bag:
    """Open a bag, to be used in a `with` statement or closed. Raises DataError as `Bag` does."""
    return Bag(path)


def _reader(suffix: str, path: Path) -> Storage:
    if suffix == ".mcap":
        from geo_perception.ros.bags.mcap_file import McapFile

        return McapFile(path)
    from geo_perception.ros.bags.sqlite_file import SqliteFile

    return SqliteFile(path)


def _begin_ns(storage: Storage) -> int:
    """Compute the sort key of a split bag's file, its first time; without messages the order does not matter."""
    return storage.span_ns[0] if storage.span_ns else 0


def _latched(topic: TopicMetadata) -> TopicMetadata:
    return replace(topic, offered_latched=True)
