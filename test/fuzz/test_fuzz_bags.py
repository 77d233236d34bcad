# SPDX-License-Identifier: Apache-2.0
"""Bags with damaged bytes: whatever reads them returns, or raises the package's own error.

GEO_PERCEPTION_FUZZ_EXAMPLES says how many bags each test damages.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from helpers import frames as fake
from helpers.recordings import rewritten, storage_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.writer import CompressionType, Writer

from geo_perception.errors import GeoPerceptionError
from geo_perception.ros.bags import bag_info, decompress_bag, open_bag, read_bag, read_recorded, write_bag
from geo_perception.ros.live_eval.topic_discovery import camera_topics
from geo_perception.ros.replay.config import ReplayConfig
from geo_perception.ros.replay.source import ReplaySource

EXAMPLES = int(os.environ.get("GEO_PERCEPTION_FUZZ_EXAMPLES", "30"))
FRAMES = 2
EDGE = 4096  # bytes at either end of a file, where its structure is
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _read(path: Path, out: Path) -> None:
    for frame in read_bag(path):
        assert frame.left.shape[:2] == frame.rig.left.size


def _replayed(path: Path, out: Path) -> None:
    source = ReplaySource(path, ReplayConfig())
    try:
        list(source.bursts())
        list(source.sets(ReplayConfig().windows))
    finally:
        source.close()


READERS: dict[str, Callable[[Path, Path], object]] = {
    "info": lambda path, out: bag_info(path).lines(),
    "fusion": _read,
    "images": lambda path, out: list(read_recorded(path)),
    "camera": lambda path, out: camera_topics(path, {"image": "/left/image_rect"}),
    "copy": lambda path, out: decompress_bag(path, out, overwrite=True),
    "replay": _replayed,
}


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Whole bags, one of each form."""
    root = tmp_path_factory.mktemp("bags")
    write_bag(root / "mcap", fake.frames(FRAMES))
    made = {"mcap": root / "mcap"}
    for storage, compression in (
        ("sqlite3", ""),
        ("mcap", "storage"),
        ("mcap", "file"),
        ("sqlite3", "message"),
    ):
        name = f"{storage}{compression}"
        made[name] = rewritten(root / "mcap", root / name, storage=storage, compression=compression)
    for name, options in {
        "plain": {"use_chunking": False},
        "lz4": {"compression": CompressionType.LZ4},
    }.items():
        (root / name).mkdir()
        _rerecorded(root / "mcap", root / name / f"{name}.mcap", options)
        made[name] = root / name
    return made


def _rerecorded(source: Path, target: Path, options: dict) -> None:
    with target.open("wb") as file, open_bag(source) as bag:
        writer = Writer(file, **options)
        writer.start("ros2", "test")
        channels = {}
        for topic in bag.topics:
            kind = writer.register_schema(topic.type, "ros2msg", topic.definition.encode())
            channels[topic.key] = writer.register_channel(topic.name, "cdr", kind)
        for topic, log_ns, data in bag.messages():
            writer.add_message(channels[topic.key], log_ns, data, log_ns)
        writer.finish()


@st.composite
def damages(draw: st.DrawFn) -> list[tuple[str, int, bytes]]:
    """What to do to the bytes, at places counted from the start (or, negative, from the end) of a file."""
    edges = st.integers(0, EDGE) | st.integers(-EDGE, -1)
    places = edges | st.integers(0, 1 << 18)
    kinds = st.sampled_from(("overwrite", "insert", "remove", "cut", "zero"))
    values = st.binary(min_size=1, max_size=16) | st.sampled_from((b"\xff" * 8, b"\0" * 8, b"\0" * 4096))
    return draw(st.lists(st.tuples(kinds, places, values), min_size=1, max_size=4))


def damaged(content: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    for kind, place, value in edits:
        at = place % max(1, len(content))
        content = {
            "overwrite": content[:at] + value + content[at + len(value) :],
            "insert": content[:at] + value + content[at:],
            "remove": content[:at] + content[at + len(value) :],
            "cut": content[:at],
            "zero": content[:at] + bytes(len(value)) + content[at + len(value) :],
        }[kind]
    return content


@contextmanager
def copied(bag: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(bag, Path(folder) / bag.name)
        yield Path(folder) / bag.name


FORMS = ("mcap", "sqlite3", "mcapstorage", "mcapfile", "sqlite3message", "plain", "lz4")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("form", FORMS)
@fuzzed
@given(edits=damages(), metadata=st.booleans())
def test_damaged_files_are_read_or_refused(bags, form, reader, edits, metadata) -> None:
    with copied(bags[form]) as bag:
        file = storage_file(bag)
        file.write_bytes(damaged(file.read_bytes(), edits))
        if not metadata:
            (bag / "metadata.yaml").unlink(missing_ok=True)
        with suppress(GeoPerceptionError):
            READERS[reader](bag, bag.parent / "out")


@pytest.mark.parametrize("form", ["mcap", "mcapfile", "sqlite3message"])
@fuzzed
@given(edits=damages())
def test_damaged_metadata_is_read_or_refused(bags, form, edits) -> None:
    with copied(bags[form]) as bag:
        file = bag / "metadata.yaml"
        file.write_bytes(damaged(file.read_bytes(), edits))
        with suppress(GeoPerceptionError):
            bag_info(bag)
        with suppress(GeoPerceptionError):
            _read(bag, bag)


@pytest.mark.parametrize("form", ["mcap", "sqlite3"])
@fuzzed
@given(
    content=st.binary(max_size=300),
    suffix=st.sampled_from((".mcap", ".db3", ".mcap.zstd", ".db3.zstd", ".bag")),
)
def test_files_of_anything_are_refused(form, content, suffix) -> None:
    heads = {"mcap": b"\x89MCAP0\r\n", "sqlite3": b"SQLite format 3\0"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"drive{suffix}"
        file.write_bytes(heads[form] + content)
        with pytest.raises(GeoPerceptionError):
            _read(file, file)
