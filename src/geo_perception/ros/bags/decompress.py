# SPDX-License-Identifier: Apache-2.0
"""Copy of a bag with plain images in place of compressed ones, for graphs and readers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geo_perception.errors import ConfigError, DataError, InputError, MissingDependencyError
from geo_perception.progress import track
from geo_perception.ros.bags.layout import COMPRESSED_IMAGE, IMAGE, STORAGES, typestore
from geo_perception.ros.bags.messages import Maker
from geo_perception.ros.bags.opening import Bag, open_bag
from geo_perception.ros.bags.storage import CDR, TopicMetadata
from geo_perception.ros.bags.writer import check_bag_place, open_writer, written_aside
from geo_perception.ros.conversions.compressed import decode_compressed

# Suffixes that image_transport adds to the topic of the plain image. Depth may have both; the second holds metres.
SUFFIXES = ("/compressed", "/compressedDepth")

logger = logging.getLogger(__name__)


def decompress_bag(
    source: str | Path,
    path: str | Path,
    storage: str = "mcap",
    *,
    overwrite: bool = False,
    progress: bool = False,
) -> dict[str, str]:
    """Copy a bag; each compressed topic becomes one of plain images, all others are copied unchanged.

    Args:
        source: bag folder, or a single .mcap or .db3 file.
        path: folder to create.
        storage: mcap or sqlite3.
        overwrite: replace an existing bag (after the new one is complete) instead of refusing.
        progress: show a progress bar.

    Returns:
        Compressed topic -> topic of plain images.

    Raises:
        ConfigError: unknown storage.
        DataError: `path` exists, no bag, no compressed images in it, an image is bad, or the disk refuses.
    """
    path = Path(path)
    if storage not in STORAGES:
        raise ConfigError(f"bag storage is {storage!r}, allowed: {', '.join(STORAGES)}")
    check_bag_place(path, overwrite=overwrite)
    with open_bag(source) as old:
        names = plain_topics(old)
        with written_aside(path) as aside, open_writer(aside, storage) as new:
            copied = _copied(old, new, names)
            shown = track(copied, "copying bag", old.message_count, "message", hidden=not progress)
            for connection, stamp_ns, data in shown:
                new.write(connection, stamp_ns, data)
    return names


def plain_topics(bag: Bag) -> dict[str, str]:
    """Map compressed topics to topics of plain images, where the bag does not hold those already.

    Raises:
        DataError: nothing is left to do.
    """
    there = bag.kinds()
    compressed = sorted(topic for topic, kind in there.items() if kind == COMPRESSED_IMAGE)
    chosen = {_plain(topic): topic for topic in compressed}  # one of each: of equal ones the last
    names = {topic: plain for plain, topic in chosen.items() if plain not in there}
    if not names:
        said = ", ".join(f"{topic} ({kind})" for topic, kind in sorted(there.items())) or "no topics"
        raise DataError(
            f"bag {bag.path} has no compressed images whose plain ones are missing; it has {said}"
        )
    return names


def _plain(topic: str) -> str:
    for suffix in SUFFIXES:
        if topic.endswith(suffix) and topic != suffix:
            return topic.removesuffix(suffix)
    return f"{topic}/plain"


def _copied(old: Bag, new: Any, names: dict[str, str]) -> Iterator[tuple[Any, int, Any]]:
    """Yield connection, time and bytes of every message of the new bag."""
    make, connections = Maker(), _connections(old, new, names)
    wanted = [topic for topic in old.topics if topic.key in connections]
    for recorded in old.messages(wanted):
        data: Any = recorded.data
        if recorded.topic.name in names:
            try:
                data = _plain_image(make, old.decode(recorded))
            except (InputError, MissingDependencyError) as error:
                raise DataError(
                    f"bag {old.path}, {recorded.topic.name} at {recorded.log_ns} ns: {error}"
                ) from error
        yield connections[recorded.topic.key], recorded.log_ns, data


def _connections(old: Bag, new: Any, names: dict[str, str]) -> dict[tuple[str, str, str], Any]:
    """Add the connections of the new bag; returns them by the old topic's key."""
    out = {}
    for topic in old.topics:
        if topic.name in names and topic.type == COMPRESSED_IMAGE:
            name, kind, store = names[topic.name], IMAGE, typestore()
        else:
            name, kind, store = topic.name, topic.type, _types_for(topic)
        if store is None:
            said = "bag %s: %s (%s in %s) is left out, its type is not known"
            logger.warning(said, old.path, name, kind or "no type", topic.encoding)
            continue
        out[topic.key] = new.add_connection(
            name, kind, typestore=store, offered_qos_profiles=topic.qos_profiles
        )
    return out


def _types_for(topic: TopicMetadata) -> Any:
    """Definitions with that of the topic's type: our own, or as the bag has it; None: neither."""
    store = typestore()
    if topic.encoding != CDR:
        return None
    if topic.type in store.types:
        return store
    from rosbags.typesys import get_types_from_msg

    try:
        store.register(get_types_from_msg(topic.definition, topic.type))
        store.hash_rihs01(topic.type)
    except Exception as error:  # of any kind: the library takes the text's structure for granted
        logger.debug("definition of %s is not read: %s", topic.type, error)
        return None
    return store


def _plain_image(make: Maker, message: Any) -> Any:
    return typestore().serialize_cdr(make.image(*decode_compressed(message), message.header), IMAGE)
