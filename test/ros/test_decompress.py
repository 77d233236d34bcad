# SPDX-License-Identifier: Apache-2.0
"""Bags with compressed images become bags with plain ones; everything else in them stays."""

from __future__ import annotations

import struct
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from helpers import frames as fake

from geo_perception import cli
from geo_perception.errors import DataError, InputError
from geo_perception.ros.bags import decompress_bag, open_bag, read_bag, write_bag
from geo_perception.ros.bags.decompress import plain_topics
from geo_perception.ros.bags.layout import COMPRESSED_IMAGE, IMAGE, typestore
from geo_perception.ros.bags.writer import open_writer
from geo_perception.ros.conversions import decode_image
from geo_perception.ros.conversions.compressed import decode_compressed

INVERSE = (100.0, 5.0)  # how `compressedDepth` writes metres: value = A / depth + B
TRUTH = "/ground_truth/depth/image_rect"


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def compressed(data: bytes, format: str) -> SimpleNamespace:
    return SimpleNamespace(data=np.frombuffer(data, np.uint8), format=format)


def squeezed(message) -> tuple[str, bytes]:
    """Format and data as image_transport's plugins write them, without loss but for depth's quantisation."""
    pixels = decode_image(message)
    if message.encoding == "rgb8":
        return "rgb8; png compressed bgr8", png(np.ascontiguousarray(pixels[..., ::-1]))
    a, b = INVERSE
    values = np.nan_to_num(np.round(a / pixels + b), nan=0.0).astype(np.uint16)
    return "32FC1; compressedDepth png", struct.pack("<iff", 0, a, b) + png(values)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A drive whose images were recorded compressed."""
    write_bag(tmp_path / "plain", fake.frames(3))
    store = typestore()
    with open_bag(tmp_path / "plain") as plain, open_writer(tmp_path / "recorded", "mcap") as bag:
        out = {}
        for old in plain.topics:
            topic, kind = old.name, old.type
            if kind == IMAGE:
                topic += "/compressedDepth" if topic == TRUTH else "/compressed"
                kind = COMPRESSED_IMAGE
            qos = old.qos_profiles
            out[old.key] = bag.add_connection(topic, kind, typestore=store, offered_qos_profiles=qos)
        for old, stamp_ns, data in plain.messages():
            if old.type == IMAGE:
                message = store.deserialize_cdr(data, IMAGE)
                format, content = squeezed(message)
                small = store.types[COMPRESSED_IMAGE](
                    message.header, format, np.frombuffer(content, np.uint8)
                )
                data = store.serialize_cdr(small, COMPRESSED_IMAGE)  # noqa: PLW2901 - the message in its new form
            bag.write(out[old.key], stamp_ns, data)
    return tmp_path / "recorded"


def test_frames_are_those_before_compression(recorded, tmp_path, capsys):
    assert cli.run(["bag", "decompress", str(recorded), str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert f"{TRUTH}/compressedDepth -> {TRUTH}" in said and "/left/image_rect/compressed -> /left" in said
    for frame, want in zip(read_bag(tmp_path / "out"), fake.frames(3), strict=True):
        assert frame.stamp_ns == want.stamp_ns
        assert np.array_equal(frame.left, want.left) and np.array_equal(frame.right, want.right)
        assert np.array_equal(frame.points_lidar, want.points_lidar)
        np.testing.assert_allclose(1 / frame.depth_truth_m, 1 / want.depth_truth_m, atol=0.51 / INVERSE[0])


def test_other_topics_stay_byte_for_byte(recorded, tmp_path):
    decompress_bag(recorded, tmp_path / "out")
    before, after = (
        [
            (topic.name, topic.qos_profiles, stamp_ns, data)
            for topic, stamp_ns, data in bag.messages()
            if topic.type not in (COMPRESSED_IMAGE, IMAGE)
        ]
        for bag in map(open_bag, (recorded, tmp_path / "out"))
    )
    assert before and before == after


def test_readers_name_the_command(recorded, tmp_path):
    with pytest.raises(
        DataError, match=r"lacks /left/image_rect.*geo-perception bag decompress .*recorded OUT"
    ):
        list(read_bag(recorded))
    decompress_bag(recorded, tmp_path / "out")
    with pytest.raises(DataError, match="has no compressed images"):
        decompress_bag(tmp_path / "out", tmp_path / "again")
    with pytest.raises(DataError, match="exists already"):
        decompress_bag(recorded, tmp_path / "out")


def test_of_two_forms_of_one_image_the_one_with_metres_is_taken():
    topics = ("/d/compressedDepth", "/d/compressed", "/c/compressed", "/c", "/raw")
    kinds = (COMPRESSED_IMAGE, COMPRESSED_IMAGE, COMPRESSED_IMAGE, IMAGE, COMPRESSED_IMAGE)
    pairs = zip(topics, kinds, strict=True)
    assert plain_topics(SimpleNamespace(kinds=lambda: dict(pairs), path="bag")) == {
        "/d/compressedDepth": "/d",
        "/raw": "/raw/plain",
    }


def test_a_damaged_image_is_named_and_leaves_no_bag(recorded, tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda data, flags: None)
    with pytest.raises(DataError, match=r"/image_rect/compressed at \d+ ns: compressed image of format"):
        decompress_bag(recorded, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain", "recorded"]


@pytest.mark.parametrize(
    ("pixels", "format", "encoding"),
    [
        (np.full((4, 6), 7, np.uint8), "mono8; png compressed mono8", "mono8"),
        (np.full((4, 6, 3), 7, np.uint8), "png", "bgr8"),
        (np.full((4, 6, 4), 7, np.uint8), "png", "bgra8"),
        (np.full((4, 6), 700, np.uint16), "mono16; png compressed mono16", "mono16"),
        (np.full((4, 6), 700, np.uint16), "16UC1; png compressed", "16UC1"),
    ],
)
def test_encodings_follow_what_was_written(pixels, format, encoding):
    found, name = decode_compressed(compressed(png(pixels), format))
    assert name == encoding and np.array_equal(found, pixels)


def test_millimetres_stay_millimetres():
    values = np.array([[0, 1500], [2500, 65535]], np.uint16)
    data = struct.pack("<iff", 0, 0.0, 0.0) + png(values)
    found, name = decode_compressed(compressed(data, "16UC1; compressedDepth"))
    assert name == "16UC1" and np.array_equal(found, values)


@pytest.mark.parametrize(
    ("data", "format", "says"),
    [
        (b"", "jpeg", "0 bytes, cannot be decoded"),
        (b"no image", "jpeg", "8 bytes, cannot be decoded"),
        (bytes(5), "16UC1; compressedDepth png", "of 5 bytes ends before its image"),
        (
            bytes(40),
            "16UC1; compressedDepth rvl",
            "'16UC1; compressedDepth rvl', 28 bytes, cannot be decoded",
        ),
        (bytes(12) + png(np.zeros((2, 2), np.uint8)), "16UC1; compressedDepth", "16-bit values, got uint8"),
    ],
)
def test_what_cannot_be_decoded_is_named(data, format, says):
    with pytest.raises(InputError, match=says):
        decode_compressed(compressed(data, format))
