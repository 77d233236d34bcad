# SPDX-License-Identifier: Apache-2.0
"""Bags with more in them than ROS 2 writes: other encodings, profiles and types do not disturb what is ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import frames as fake
from helpers.recordings import rewritten, storage_file
from mcap.writer import CompressionType, IndexType, Writer

from geo_perception.errors import DataError
from geo_perception.ros.bags import bag_info, decompress_bag, open_bag, read_bag, write_bag
from geo_perception.ros.bags.layout import COMPRESSED_IMAGE
from geo_perception.ros.bags.storage import TopicMetadata

FRAMES = 4
OPTIONS = {
    "plain": {"use_chunking": False},
    "lz4": {"compression": CompressionType.LZ4, "chunk_size": 4096},
    "zstd": {"compression": CompressionType.ZSTD},
    "no index": {"index_types": IndexType.NONE},
    "no statistics": {"use_statistics": False},
    "no summary": {"use_statistics": False, "use_summary_offsets": False, "repeat_channels": False},
    "no checksums": {"enable_crcs": False},
}


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "drive"
    write_bag(path, fake.frames(FRAMES))
    return path


def foxglove(source: Path, target: Path, profile: str = "", **options) -> Path:
    """The messages of a bag as another recorder writes them, with channels of other encodings among them."""
    with target.open("wb") as file, open_bag(source) as bag:
        writer = Writer(file, **options)
        writer.start(profile, "test")
        schema = writer.register_schema("foxglove.Log", "jsonschema", b"{}")
        binary = writer.register_schema("foxglove.PointCloud", "protobuf", b"\x00\xff")
        log = writer.register_channel("/log", "json", schema)
        cloud = writer.register_channel("/points", "protobuf", binary)
        loose = writer.register_channel("/loose", "", 0)
        own = {}
        for topic in bag.topics:
            kind = writer.register_schema(topic.type, "ros2msg", topic.definition.encode())
            for publisher in range(2):  # two channels of one topic, of which only the first speaks
                own[topic.key, publisher] = writer.register_channel(topic.name, "cdr", kind)
        for number, (topic, log_ns, data) in enumerate(bag.messages()):
            writer.add_message(own[topic.key, 0], log_ns, data, log_ns)
            for channel in (log, cloud, loose):
                writer.add_message(channel, log_ns, b"{}", log_ns, number)
        writer.finish()
    return target


@pytest.mark.parametrize("profile", ["", "ros2", "x-robot"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_our_topics_are_read_beside_others(bag, tmp_path, profile, options):
    path = foxglove(bag, tmp_path / "log.mcap", profile, **options)
    for frame, want in zip(read_bag(path), fake.frames(FRAMES), strict=True):
        assert frame.stamp_ns == want.stamp_ns
        np.testing.assert_array_equal(frame.left, want.left)
        np.testing.assert_array_equal(frame.points_lidar, want.points_lidar)
    counts = {(topic.name, topic.type): topic.count for topic in bag_info(path).topics}
    assert counts["/points", "sensor_msgs/msg/PointCloud2"] == FRAMES
    assert counts["/points", "foxglove.PointCloud in protobuf"] == 6 * FRAMES + 1
    assert counts["/loose", "no type in no encoding"] == 6 * FRAMES + 1


def test_a_topic_in_another_encoding_is_named(bag, tmp_path):
    path = foxglove(bag, tmp_path / "log.mcap")
    from geo_perception.ros.bags import BagTopics

    with pytest.raises(
        DataError, match=r"/log is foxglove\.Log in json, only sensor_msgs/msg/PointCloud2 in cdr"
    ):
        next(read_bag(path, BagTopics(points="/log")))


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_what_has_no_definition_is_left_out_of_copies_and_said(bag, tmp_path, caplog, storage):
    packed = tmp_path / "packed"
    _with_compressed_image(bag, packed, storage)
    file = foxglove(packed, tmp_path / "log.mcap")
    assert decompress_bag(file, tmp_path / "plain", storage) == {
        "/left/image_rect/compressed": "/left/image_rect"
    }
    for topic in (
        "/log (foxglove.Log in json)",
        "/loose (no type in )",
        "/points (foxglove.PointCloud in protobuf)",
    ):
        assert f"{topic} is left out" in caplog.text
    assert len(list(read_bag(tmp_path / "plain"))) == FRAMES


def _with_compressed_image(source: Path, target: Path, storage: str) -> None:
    import cv2

    from geo_perception.ros.bags.layout import typestore
    from geo_perception.ros.bags.writer import open_writer
    from geo_perception.ros.conversions import decode_rgb

    store = typestore()
    with open_bag(source) as old, open_writer(target, storage) as new:
        out = {}
        for topic in old.topics:
            left = topic.name == "/left/image_rect"
            name, kind = (topic.name + "/compressed", COMPRESSED_IMAGE) if left else (topic.name, topic.type)
            out[topic.key] = new.add_connection(name, kind, typestore=store)
        for recorded in old.messages():
            data = recorded.data
            if recorded.topic.name == "/left/image_rect":
                message = old.decode(recorded)
                pixels = cv2.imencode(".png", decode_rgb(message)[..., ::-1])[1].reshape(-1)
                small = store.types[COMPRESSED_IMAGE](message.header, "rgb8; png compressed bgr8", pixels)
                data = store.serialize_cdr(small, COMPRESSED_IMAGE)
            new.write(out[recorded.topic.key], recorded.log_ns, data)


def test_a_message_that_is_not_what_its_topic_says_is_named(bag, tmp_path):
    content = bytearray(storage_file(bag).read_bytes())
    stamp = content.index(b"camera_left_optical_frame")
    content[stamp - 4 : stamp] = (2**31).to_bytes(4, "little")  # length of the frame's name
    file = tmp_path / "drive.mcap"
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged: .*(no tf2_msgs/msg/TFMessage|crc)"):
        list(read_bag(file))


def test_quality_of_service_that_is_none_is_none(tmp_path):
    for text in ("", "[", "- {}", "5", "- history: 1"):
        assert TopicMetadata("/a", "b", qos=text).qos_profiles == []
        assert not TopicMetadata("/a", "b", qos=text).latched
    assert TopicMetadata("/robot/tf_static", "b").latched
    for text in ("- durability: 1\n", "- history: 1\n  durability: transient_local\n", '[{"durability": 1}]'):
        assert TopicMetadata("/map", "b", qos=text).latched
    assert not TopicMetadata("/map", "b", qos="- durability: 2\n  depth: 1\n").latched


def test_copies_of_bags_keep_every_message(bag, tmp_path):
    copy = rewritten(bag, tmp_path / "copy", storage="sqlite3")
    with open_bag(bag) as old, open_bag(copy) as new:
        assert [tuple(one)[1:] for one in old.messages()] == [tuple(one)[1:] for one in new.messages()]
