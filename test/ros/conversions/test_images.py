# SPDX-License-Identifier: Apache-2.0
"""Image messages: what is encoded decodes to the same, whatever the layout; malformed ones are refused."""

from __future__ import annotations

import array
import importlib
import sys

import numpy as np
import pytest
from helpers import messages
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geo_perception.errors import InputError
from geo_perception.ros import conversions
from geo_perception.ros.conversions.layouts import NAMED, layout_of

TYPED = [f"{kind}C{n}" for kind in ("8U", "8S", "16U", "16S", "32S", "32F", "64F") for n in (1, 2, 3, 4)]
ENCODINGS = [*NAMED, *TYPED]


@st.composite
def pictures(draw: st.DrawFn) -> tuple[np.ndarray, str]:
    encoding = draw(st.sampled_from(ENCODINGS))
    layout = layout_of(encoding)
    tail = (layout.channels,) if layout.channels > 1 else ()
    shape = (draw(st.integers(1, 7)), draw(st.integers(1, 7)), *tail)
    return draw(hnp.arrays(layout.dtype, shape)), encoding


@given(pictures(), st.integers(0, 9), st.booleans())
def test_any_encoding_padding_and_byte_order_decodes_to_the_pixels(picture, padding, big_endian):
    pixels, encoding = picture
    decoded = conversions.decode_image(messages.image(pixels, encoding, padding, big_endian))
    assert decoded.dtype == pixels.dtype
    assert decoded.dtype.isnative
    np.testing.assert_array_equal(decoded, pixels)


@pytest.mark.ros
@given(pictures())
def test_round_trip_through_a_real_message(picture):
    pixels, encoding = picture
    msg = conversions.encode_image(pixels, encoding, conversions.header(1_500_000_001, "camera"))
    np.testing.assert_array_equal(conversions.decode_image(msg), pixels)
    assert (msg.height, msg.width, msg.encoding) == (*pixels.shape[:2], encoding)
    assert conversions.stamp_ns(msg) == 1_500_000_001


@pytest.mark.parametrize(
    "wrap", [bytes, memoryview, lambda b: array.array("B", b), lambda b: np.frombuffer(b, "u1")]
)
def test_decoding_is_a_view_of_any_kind_of_buffer(wrap):
    msg = messages.image(np.arange(24, dtype=np.uint8).reshape(2, 4, 3), "rgb8", padding=5)
    msg.data = wrap(msg.data)
    decoded = conversions.decode_rgb(msg)
    assert np.shares_memory(decoded, np.frombuffer(msg.data, np.uint8))


@pytest.mark.ros
def test_encoding_takes_slices_and_foreign_byte_order():
    pixels = np.arange(48, dtype=">u2").reshape(4, 12)[::2, ::3]
    msg = conversions.encode_image(pixels, "16UC1", conversions.header(0, ""))
    np.testing.assert_array_equal(conversions.decode_image(msg), pixels)


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8"])
def test_every_colour_order_gives_the_same_rgb(encoding):
    rgb = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    planes = {"r": rgb[..., 0], "g": rgb[..., 1], "b": rgb[..., 2], "a": np.full((5, 6), 7, np.uint8)}
    pixels = np.stack([planes[letter] for letter in encoding[:-1]], -1)
    np.testing.assert_array_equal(conversions.decode_rgb(messages.image(pixels, encoding, padding=3)), rgb)


@pytest.mark.parametrize("encoding", ["rgb16", "bgr16", "rgba16", "bgra16"])
def test_sixteen_bit_colours_keep_the_whole_range(encoding):
    rgb = np.array([[[0, 32896, 65535], [128, 129, 257]]] * 2, np.uint16)
    planes = {"r": rgb[..., 0], "g": rgb[..., 1], "b": rgb[..., 2], "a": np.full((2, 2), 7, np.uint16)}
    pixels = np.stack([planes[letter] for letter in encoding[:-2]], -1)
    for big_endian in (True, False):
        decoded = conversions.decode_rgb(messages.image(pixels, encoding, padding=3, big_endian=big_endian))
        assert decoded.tolist() == [[[0, 128, 255], [0, 1, 1]]] * 2


def test_sixteen_bit_grey_is_refused_because_its_range_is_unknown():
    with pytest.raises(InputError, match="'mono16' has no colours of known order and range"):
        conversions.decode_rgb(messages.image(np.ones((2, 3), np.uint16), "mono16"))


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_grey_is_repeated(encoding):
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    expected = np.repeat(grey[..., None], 3, axis=-1)
    np.testing.assert_array_equal(conversions.decode_rgb(messages.image(grey, encoding)), expected)


FAULTS = {
    "zero width": ({"width": 0}, "0x2"),
    "zero height": ({"height": 0}, "4x0"),
    "size too large": ({"height": 3}, "24 bytes"),
    "size too small": ({"height": 1}, "24 bytes"),
    "step below a row": ({"step": 11}, "needs 12 bytes"),
    "step too large": ({"step": 13}, "step 13"),
    "truncated": ({"data": bytes(23)}, "23 bytes"),
    "empty": ({"data": b""}, "0 bytes"),
    "not a buffer": ({"data": [1, 2, 3]}, "list"),
    "unknown encoding": ({"encoding": "rgb9"}, "'rgb9'"),
    "other colours": ({"encoding": "rgb16"}, "."),
}


@pytest.mark.parametrize("changes, said", FAULTS.values(), ids=FAULTS)
def test_malformed_images_are_refused_with_the_value(changes, said):
    msg = messages.image(np.zeros((2, 4, 3), np.uint8), "rgb8")
    vars(msg).update(changes)
    with pytest.raises(InputError, match=said):
        conversions.decode_rgb(msg)


@pytest.mark.parametrize(
    "pixels, encoding",
    [
        (np.zeros((2, 3, 3), np.uint8), "mono8"),
        (np.zeros((2, 3), np.uint8), "rgb8"),
        (np.zeros((2, 3), np.float64), "32FC1"),
        (np.zeros((0, 3), np.uint8), "mono8"),
        (np.zeros(3, np.uint8), "mono8"),
    ],
)
def test_arrays_that_do_not_fit_the_encoding_are_refused(pixels, encoding):
    with pytest.raises(InputError, match=encoding):
        conversions.encode_image(pixels, encoding, None)


@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(width=32)))
def test_depth_in_metres_is_positive_finite_or_nan(values):
    depth_m = conversions.decode_depth(messages.image(values, "32FC1"))
    known = np.isfinite(values) & (values > 0)
    np.testing.assert_array_equal(depth_m, np.where(known, values, np.nan))


def test_clean_depth_is_a_view():
    msg = messages.image(np.array([[1.5, np.nan]], np.float32), "32FC1")
    assert np.shares_memory(conversions.decode_depth(msg), np.frombuffer(msg.data, np.uint8))


@pytest.mark.ros
@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(0.0009765625, 65.5, width=32) | st.just(np.nan)))
def test_millimetres_keep_depth_to_half_of_one(depth_m):
    decoded = conversions.decode_depth(conversions.encode_depth(depth_m, conversions.header(0, ""), "16UC1"))
    np.testing.assert_allclose(decoded, depth_m, atol=0.000504)


@pytest.mark.ros
def test_what_millimetres_cannot_hold_is_unknown():
    depth_m = np.array([[65.6, np.inf, -1.0, 0.0]], np.float32)
    decoded = conversions.decode_depth(conversions.encode_depth(depth_m, conversions.header(0, ""), "16UC1"))
    assert np.isnan(decoded).all()


def test_depth_of_another_encoding_is_refused():
    msg = messages.image(np.zeros((2, 2), np.uint8), "mono8")
    with pytest.raises(InputError, match="'mono8', allowed: 32FC1"):
        conversions.decode_depth(msg)
    with pytest.raises(InputError, match="'mono8', allowed: 32FC1"):
        conversions.encode_depth(np.zeros((2, 2), np.float32), None, "mono8")


def test_decoding_needs_no_ros(monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("rclpy", "sensor_msgs", "std_msgs"))]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("rclpy", "sensor_msgs", "std_msgs", "builtin_interfaces"):
        monkeypatch.setitem(sys.modules, name, None)
    importlib.reload(conversions.images)
    msg = messages.image(np.zeros((2, 2), np.uint8), "mono8")
    assert conversions.images.decode_image(msg).shape == (2, 2)


def test_an_image_stream_reuses_its_message_and_says_the_same_as_a_fresh_one():
    encode = conversions.ImageEncoder()
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (3, 4, 6), np.uint8)
    made = []
    for index, image in enumerate(images):
        header = conversions.header(index, "camera")
        message = encode(image, "mono8", header)
        assert message == conversions.encode_image(image, "mono8", header)
        made.append(message)
    assert made[0] is made[2]
    wide = encode(np.ones((2, 3), np.float32), "32FC1", header)
    assert (wide.width, wide.encoding) == (3, "32FC1") and conversions.decode_image(wide).tolist() == [
        [1, 1, 1]
    ] * 2


def test_an_image_stream_checks_each_new_layout():
    encode = conversions.ImageEncoder()
    with pytest.raises(InputError, match="mono8 needs uint8"):
        encode(np.ones((2, 3), np.float32), "mono8", conversions.header(0, "camera"))
