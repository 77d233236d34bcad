# SPDX-License-Identifier: Apache-2.0
"""Messages of any content, within what their types can hold, are decoded or refused by one error of ours."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace

import cv2
import numpy as np
from helpers import messages
from helpers.mutation import EXAMPLES, damaged_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo_perception.errors import GeoPerceptionError
from geo_perception.ros import conversions
from geo_perception.ros.conversions.compressed import decode_compressed
from geo_perception.ros.nodes.stereo_lidar_fusion.decoder import FusionDecoder, decode_sweep
from geo_perception.ros.runtime.extrinsics import Extrinsics
from geo_perception.sync import Match

fuzzed = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
UINT32 = st.integers(0, 2**32 - 1) | st.integers(0, 9)
UINT8 = st.integers(0, 255)
FLOATS = st.floats(width=64) | st.sampled_from([0.0, 1.0, -1.0])
ENCODINGS = st.sampled_from(
    [
        *("rgb8", "bgra8", "mono8", "mono16", "rgb16", "32FC1", "16UC1", "8UC3", "64FC4", "8SC2"),
        *("bayer_rggb8", "bayer_grbg16", "yuv422", "yuv422_yuy2", "nv12", "nv21", "nv24", "rgb9", ""),
    ]
) | st.text(max_size=8)
PNG = cv2.imencode(".png", np.arange(48, dtype=np.uint8).reshape(4, 4, 3))[1].tobytes()
PNG16 = cv2.imencode(".png", np.arange(16, dtype=np.uint16).reshape(4, 4))[1].tobytes()
JPEG = cv2.imencode(".jpg", np.full((8, 8, 3), 90, np.uint8))[1].tobytes()
FORMATS = st.sampled_from(
    [
        "rgb8; jpeg compressed bgr8",
        "png",
        "16UC1; compressedDepth png",
        "32FC1; compressedDepth",
        "bayer_rggb8; jpeg",
    ]
) | st.text(max_size=12)
NAMES = st.sampled_from(["x", "y", "z", "intensity", "rgb", "ring", ""]) | st.text(max_size=3)
FRAMES = st.sampled_from(["camera", "/camera", "velodyne", "base", "gps", ""]) | st.text(max_size=3)


@st.composite
def images(draw: st.DrawFn) -> SimpleNamespace:
    height, width, channels = draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.integers(1, 4))
    kind = draw(st.sampled_from(["u1", "u2", "f4", "i2", "f8"]))
    message = messages.image(
        np.zeros((height, width, channels), kind), draw(ENCODINGS), draw(st.integers(0, 3))
    )
    for name in draw(st.lists(st.sampled_from(["height", "width", "step", "is_bigendian"]), max_size=2)):
        setattr(message, name, draw(UINT8 if name == "is_bigendian" else UINT32))
    if draw(st.booleans()):
        message.data = draw(st.binary(max_size=200))
    return message


@fuzzed
@given(images())
def test_images(message: SimpleNamespace) -> None:
    for decode in (conversions.decode_image, conversions.decode_rgb, conversions.decode_depth):
        with suppress(GeoPerceptionError):
            decoded = decode(message)
            assert decoded.shape[:2] == (message.height, message.width)
            assert decode is not conversions.decode_rgb or (decoded.dtype, decoded.ndim) == (np.uint8, 3)


@fuzzed
@given(
    FORMATS, st.one_of(*(damaged_bytes(each) for each in (PNG, PNG16, JPEG, b"\0" * 12 + PNG16)), st.binary())
)
def test_compressed_images(name: str, data: bytes) -> None:
    with suppress(GeoPerceptionError):
        pixels, encoding = decode_compressed(
            SimpleNamespace(format=name, data=data, header=messages.header())
        )
        assert pixels.size and isinstance(encoding, str)


@st.composite
def clouds(draw: st.DrawFn) -> SimpleNamespace:
    count = draw(st.integers(0, 20))
    columns = {name: np.array(draw(st.lists(FLOATS, min_size=count, max_size=count))) for name in "xyz"}
    with np.errstate(over="ignore", invalid="ignore"):
        message = messages.cloud(columns, [(name, "f4", 0) for name in "xyz"], (1, count))
    for each in message.fields:
        if draw(st.booleans()) and draw(st.booleans()):
            each.name = draw(NAMES)
            each.offset, each.datatype, each.count = draw(UINT32), draw(UINT8), draw(UINT32)
    names = ["height", "width", "point_step", "row_step", "is_bigendian"]
    for name in draw(st.lists(st.sampled_from(names), max_size=2)):
        setattr(message, name, draw(st.booleans() if name == "is_bigendian" else UINT32))
    if draw(st.booleans()) and draw(st.booleans()):
        message.data = draw(st.binary(max_size=300))
    message.fields = message.fields[: draw(st.integers(0, 3))] if draw(st.booleans()) else message.fields
    return message


@fuzzed
@given(clouds())
def test_clouds(message: SimpleNamespace) -> None:
    for decode in (conversions.decode_points, decode_sweep):
        with suppress(GeoPerceptionError):
            decoded = decode(message)
            points = decoded if isinstance(decoded, np.ndarray) else decoded[0]
            assert points.ndim == 2 and points.shape[1] >= 3 and points.dtype == np.float32


@st.composite
def transforms(draw: st.DrawFn) -> SimpleNamespace:
    numbers = draw(st.lists(FLOATS, min_size=7, max_size=7))
    transform = SimpleNamespace(
        translation=SimpleNamespace(**dict(zip("xyz", numbers, strict=False))),
        rotation=SimpleNamespace(**dict(zip("xyzw", numbers[3:], strict=True))),
    )
    header = messages.header(draw(st.integers(0, 2**60)), draw(FRAMES))
    return SimpleNamespace(header=header, child_frame_id=draw(FRAMES), transform=transform)


@fuzzed
@given(st.lists(st.lists(transforms(), max_size=4), max_size=4), FRAMES, FRAMES)
def test_transforms(sent: list[list[SimpleNamespace]], target: str, source: str) -> None:
    tree = conversions.StaticTransforms()
    for each in sent:
        tree.add(SimpleNamespace(transforms=each))
    with suppress(GeoPerceptionError):
        matrix = tree.lookup(target, source)
        assert matrix.shape == (4, 4) and np.allclose(matrix[3], (0, 0, 0, 1))


@st.composite
def infos(draw: st.DrawFn) -> SimpleNamespace:
    message = messages.info(
        [5, 0, 3, 0, 0, 5, 2, 0, 0, 0, 1, 0], draw(st.integers(1, 6)), draw(st.integers(1, 6))
    )
    if draw(st.booleans()):
        message.p = np.array([5, 0, 3, draw(FLOATS), 0, 5, 2, 0, 0, 0, 1, 0], float)
    if draw(st.booleans()):
        values = np.array(message.k, float)
        values[draw(st.integers(0, 8))] = draw(FLOATS)
        message.k = values
    return message


@fuzzed
@given(images(), st.none() | images(), infos(), st.none() | infos(), st.none() | clouds())
def test_matched_sets(left, right, left_info, right_info, points) -> None:
    """Of a set whose left camera is in order, what is unusable is noted and never lost without a word."""
    found = {
        "left/image_rect": left,
        "left/camera_info": left_info,
        "right/image_rect": right,
        "right/camera_info": right_info,
        "points": points,
    }
    items = {name: message for name, message in found.items() if message is not None}
    decode = FusionDecoder(Extrinsics(None, np.eye(4).reshape(-1).tolist()))
    with suppress(GeoPerceptionError):
        sensors = decode(Match(1, "left/image_rect", items, dict.fromkeys(items, 1)))
        unusable = [each for each in (sensors.right, sensors.points_lidar) if each is None]
        assert len(sensors.faults) >= len(unusable)
