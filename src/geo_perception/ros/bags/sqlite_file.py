# SPDX-License-Identifier: Apache-2.0
"""Reader of rosbag2's SQLite files, including those of killed recorders, which leave a journal beside the file."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from geo_perception.ros.bags.storage import Recorded, TopicMetadata, merged

JOURNALS = ("-wal", "-journal")  # of a writer that has not closed the file
COLUMNS = {"offered_qos_profiles": "''", "serialization_format": "'cdr'"}  # that early versions lack

HEADER_BYTES = 100

logger = logging.getLogger(__name__)


class SqliteFile:
    """`Storage` of an SQLite file."""

    cut_off = ""  # SQLite itself recognises a file that was cut off

    def __init__(self, path: Path) -> None:
        """Open a file. Raises exceptions of many kinds for one that is damaged or not rosbag2's."""
        self.path = path
        self._aside: tempfile.TemporaryDirectory[str] | None = None
        self._database = self._open()
        try:
            self._topics = self._read_topics()
            first, last = self._database.execute(
                "SELECT min(timestamp), max(timestamp) FROM messages"
            ).fetchone()
            self.span_ns = None if first is None else (int(first), int(last))
        except BaseException:
            self.close()
            raise

    @property
    def topics(self) -> list[TopicMetadata]:
        """The rows of the table of topics."""
        return merged(self._topics.values())

    def close(self) -> None:
        """Close the file and remove its copy, if there is one."""
        self._database.close()
        if self._aside is not None:
            self._aside.cleanup()

    def messages(self, wanted: Collection[tuple[str, str, str]]) -> Iterator[Recorded]:
        """Yield messages by time, those of one moment in the order of writing."""
        chosen = {number: topic for number, topic in self._topics.items() if topic.key in wanted}
        numbers = ", ".join(map(str, chosen))
        rows = self._database.execute(
            f"SELECT topic_id, timestamp, data FROM messages WHERE topic_id IN ({numbers}) ORDER BY timestamp, id"
        )
        for number, log_ns, data in rows:
            if not isinstance(log_ns, int) or not isinstance(data, bytes):
                raise ValueError(f"a message has time {log_ns!r} and {type(data).__name__} as data")
            yield Recorded(chosen[number], log_ns, data)

    def _open(self) -> sqlite3.Connection:
        """Open the file itself or, if its writer was killed, a copy, so that SQLite can apply the journal."""
        left = [
            file for end in JOURNALS if (file := _beside(self.path, end)).is_file() and file.stat().st_size
        ]
        if not left:
            _check_size(self.path)
            # immutable: also on media that cannot be written, where SQLite could not make its locks
            return sqlite3.connect(f"file:{quote(str(self.path))}?mode=ro&immutable=1", uri=True)
        logger.warning("%s: its recorder was killed; a copy is completed from %s", self.path, left[0].name)
        self._aside = tempfile.TemporaryDirectory(prefix="geo_perception_bag_")
        copy = Path(self._aside.name) / self.path.name
        for file in (self.path, *(_beside(self.path, end) for end in JOURNALS)):
            if file.is_file():
                shutil.copyfile(file, copy.with_name(file.name))
        return sqlite3.connect(copy)

    def _read_topics(self) -> dict[int, TopicMetadata]:
        there = {row[1] for row in self._database.execute("PRAGMA table_info(topics)")}
        if not {"id", "name", "type"} <= there:
            raise ValueError("it has no table of topics as rosbag2 writes it")
        encoding, qos = (
            name if name in there else COLUMNS[name]
            for name in ("serialization_format", "offered_qos_profiles")
        )
        counts = dict(self._database.execute("SELECT topic_id, count(*) FROM messages GROUP BY topic_id"))
        definitions = self._definitions()
        return {
            int(number): TopicMetadata(
                str(name),
                str(kind),
                str(form),
                counts.get(number, 0),
                str(text or ""),
                definitions.get(kind, ""),
            )
            for number, name, kind, form, text in self._database.execute(
                f"SELECT id, name, type, {encoding}, {qos} FROM topics"
            )
        }

    def _definitions(self) -> dict[Any, str]:
        """Read type -> definition, which newer recorders store."""
        there = self._database.execute("PRAGMA table_info(message_definitions)").fetchall()
        if not there:
            return {}
        rows = self._database.execute(
            "SELECT topic_type, encoded_message_definition FROM message_definitions"
        )
        return {kind: str(text) for kind, text in rows}


def _check_size(path: Path) -> None:
    """Raise ValueError for a file that was cut off: SQLite reads zeros where the last page is not all there.

    https://www.sqlite.org/fileformat2.html, section 1.3: page size at byte 16, number of pages at byte 28, which
    counts if the numbers at bytes 24 and 92 agree.
    """
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    if len(head) < HEADER_BYTES:
        raise ValueError(f"it is cut off after {len(head)} bytes")
    page, pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
    needed = pages * (65536 if page == 1 else page)
    if head[24:28] == head[92:96] and path.stat().st_size < needed:
        raise ValueError(f"it is cut off after {path.stat().st_size} of {needed} bytes")


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
