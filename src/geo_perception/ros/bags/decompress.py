# SPDX-License-Identifier: Apache-2.0
"""A copy of a bag with plain images: what cameras recorded compressed becomes what graphs and readers take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geo_perception.errors import ConfigError, DataError, GeoPerceptionError
from geo_perception.progress import track
from geo_perception.ros.bags.layout import COMPRESSED_IMAGE, IMAGE, STORAGES, open_reader, typestore
from geo_perception.ros.bags.messages import Maker
from geo_perception.ros.bags.writer import open_writer, written_aside
from geo_perception.ros.conversions.compressed import decode_compressed

# That image_transport adds to the topic of the plain image. Of depth both may be there; the second holds metres.
SUFFIXES = ("/compressed", "/compressedDepth")


def decompress_bag(
    source: str | Path,
    path: str | Path,
    storage: str = "mcap",
    *,
    overwrite: bool = False,
    progress: bool = False,
) -> dict[str, str]:
    """Copy a bag; each compressed topic becomes the one of plain images, all others stay as they are.

    Args:
        source: bag folder, or a single .mcap or .db3 file.
        path: folder to create.
        storage: mcap or sqlite3.
        overwrite: replace an existing bag (after the new one is complete) instead of refusing.
        progress: show a progress bar.

    Returns:
        Compressed topic -> the new one.

    Raises:
        ConfigError: unknown storage.
        DataError: `path` exists, no bag, no compressed images in it, an image is bad, or the disk refuses.
    """
    path = Path(path)
    if storage not in STORAGES:
        raise ConfigError(f"bag storage is {storage!r}, allowed: {', '.join(STORAGES)}")
    if path.exists() and not overwrite:
        raise DataError(f"{path} exists already; choose another name or allow overwriting it")
    reader = open_reader(source)
    try:
        names = plain_topics(source, reader)
        with written_aside(path) as aside, open_writer(aside, storage) as bag:
            copied = _copied(source, reader, bag, names)
            shown = track(copied, "copying bag", reader.message_count, "message", hidden=not progress)
            for connection, stamp_ns, data in shown:
                bag.write(connection, stamp_ns, data)
    finally:
        reader.close()
    return names


def plain_topics(source: str | Path, reader: Any) -> dict[str, str]:
    """Compressed topic -> the one of plain images, where the bag does not hold that already.

    Raises:
        DataError: nothing is left to do.
    """
    there = {connection.topic: connection.msgtype for connection in reader.connections}
    compressed = sorted(topic for topic, kind in there.items() if kind == COMPRESSED_IMAGE)
    chosen = {_plain(topic): topic for topic in compressed}  # one of each: of equal ones the last
    names = {topic: plain for plain, topic in chosen.items() if plain not in there}
    if not names:
        said = ", ".join(f"{topic} ({kind})" for topic, kind in sorted(there.items())) or "no topics"
        raise DataError(f"bag {source} has no compressed images whose plain ones are missing; it has {said}")
    return names


def _plain(topic: str) -> str:
    for suffix in SUFFIXES:
        if topic.endswith(suffix) and topic != suffix:
            return topic.removesuffix(suffix)
    return f"{topic}/plain"


def _copied(
    source: str | Path, reader: Any, bag: Any, names: dict[str, str]
) -> Iterator[tuple[Any, int, Any]]:
    """Connection, time and bytes of every message of the new bag."""
    from rosbags.rosbag2 import ReaderError

    store, make, connections = typestore(), Maker(), _connections(reader, bag, names)
    try:
        for connection, stamp_ns, data in reader.messages():
            written = _plain_image(store, make, data) if connection.topic in names else data
            yield connections[connection.id], stamp_ns, written
    except GeoPerceptionError as error:
        raise DataError(f"bag {source}, {connection.topic} at {stamp_ns} ns: {error}") from error
    except (ReaderError, ValueError, AssertionError, KeyError, IndexError) as error:
        raise DataError(f"bag {source} is damaged: {error or type(error).__name__}") from error


def _connections(reader: Any, bag: Any, names: dict[str, str]) -> dict[int, Any]:
    """Connection of the new bag by the old one's number."""
    out, store = {}, typestore()
    for old in reader.connections:
        qos = old.ext.offered_qos_profiles
        if old.topic in names:
            out[old.id] = bag.add_connection(
                names[old.topic], IMAGE, typestore=store, offered_qos_profiles=qos
            )
        else:
            out[old.id] = bag.add_connection(
                old.topic,
                old.msgtype,
                msgdef=old.msgdef.data,
                rihs01=old.digest,
                serialization_format=old.ext.serialization_format,
                offered_qos_profiles=qos,
            )
    return out


def _plain_image(store: Any, make: Maker, data: Any) -> Any:
    message = store.deserialize_cdr(data, COMPRESSED_IMAGE)
    return store.serialize_cdr(make.image(*decode_compressed(message), message.header), IMAGE)
