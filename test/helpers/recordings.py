# SPDX-License-Identifier: Apache-2.0
"""Bags as other recorders leave them: other names, compression, encodings; killed, cut off or split."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from geo_perception.ros.bags import open_bag
from geo_perception.ros.bags.layout import typestore

PLUGINS = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
Edit = Callable[[str, Any], Any]  # topic and message to the message, or to None to leave it out


def rewritten(
    source: Path,
    target: Path,
    edit: Edit = lambda topic, message: message,
    *,
    names: Callable[[str], str] = lambda topic: topic,
    storage: str = "mcap",
    compression: str = "",
) -> Path:
    """A copy of a bag with messages or topics changed, or compressed: file, message or storage."""
    store, writer = typestore(), Writer(target, version=9, storage_plugin=PLUGINS[storage])
    if compression:
        writer.set_compression(CompressionMode[compression.upper()], CompressionFormat.ZSTD)
    with open_bag(source) as old, writer:
        new = {
            topic.key: writer.add_connection(
                names(topic.name), topic.type, typestore=store, offered_qos_profiles=topic.qos_profiles
            )
            for topic in old.topics
        }
        for recorded in old.messages():
            message = edit(recorded.topic.name, old.decode(recorded))
            if message is not None:
                data = store.serialize_cdr(message, recorded.topic.type)
                writer.write(new[recorded.topic.key], recorded.log_ns, data)
    return target


def storage_file(bag: Path) -> Path:
    """The only file of messages in a bag folder."""
    (file,) = (path for path in bag.iterdir() if path.name != "metadata.yaml")
    return file


def killed(bag: Path, share: float = 1.0) -> Path:
    """Without metadata.yaml, and with the first part of its file only."""
    (bag / "metadata.yaml").unlink()
    file = storage_file(bag)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    return bag


def split(bags: list[Path], target: Path) -> Path:
    """One folder with the files of several bags, as a recorder that splits leaves them; no metadata.yaml."""
    target.mkdir()
    for number, bag in enumerate(bags):
        file = storage_file(bag)
        shutil.copyfile(file, target / f"{target.name}_{number}{file.suffix}")
    return target
