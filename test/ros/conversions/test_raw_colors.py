# SPDX-License-Identifier: Apache-2.0
"""Mosaics and YUV images come out in the colours that went in, with any cv_bridge and with none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from helpers import messages

from geo_perception.errors import InputError
from geo_perception.ros import conversions
from geo_perception.ros.conversions import raw_colors
from geo_perception.ros.conversions.compressed import decode_compressed
from geo_perception.ros.conversions.layouts import BAYER, NAMED, YUV_PACKED, YUV_PLANAR, layout_of

ORANGE = (200, 100, 40)
LAYOUTS = {"rggb": "rg gb", "bggr": "bg gr", "gbrg": "gb rg", "grbg": "gr bg"}  # the first two rows
YUV_ORANGE = (
    122,
    87,
    176,
)  # BT.601 in video range: Y = 16 + 219 E'Y, Cb, Cr = 128 + 224 E (ITU-R BT.601-7, 2.5)


@pytest.fixture(autouse=True)
def forget_what_cv_bridge_reads() -> Iterator[None]:
    raw_colors.bridge_reads.cache_clear()
    raw_colors._bridge.cache_clear()
    yield
    raw_colors.bridge_reads.cache_clear()
    raw_colors._bridge.cache_clear()


@pytest.fixture(params=["with cv_bridge", "without"])
def bridge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without":
        monkeypatch.setitem(sys.modules, "cv_bridge", None)
    else:
        pytest.importorskip("cv_bridge")


def mosaic(encoding: str, height: int = 8, width: int = 12) -> np.ndarray:
    """An even orange as the sensor sees it."""
    values = dict(zip("rgb", ORANGE, strict=True))
    tile = np.array([[values[c] for c in row] for row in LAYOUTS[encoding[6:10]].split()], np.uint8)
    pixels = np.tile(tile, (height // 2, width // 2))
    return pixels.astype(np.uint16) * 257 if encoding.endswith("16") else pixels


def packed(encoding: str, height: int = 8, width: int = 12) -> np.ndarray:
    """An even orange, two bytes a pixel."""
    y, u, v = YUV_ORANGE
    pair = [[u, y], [v, y]] if encoding in ("yuv422", "uyvy") else [[y, u], [y, v]]
    return np.tile(np.array(pair, np.uint8), (height, width // 2, 1))


def planar(encoding: str, height: int = 8, width: int = 12, step: int = 12) -> SimpleNamespace:
    """An even orange in a plane of Y and one of chroma, rows filled up to `step` bytes with junk."""
    y, u, v = YUV_ORANGE
    chroma = [v, u] if encoding == "nv21" else [u, v]
    luma = np.full((height, width), y, np.uint8)
    shape = (height, width) if encoding == "nv24" else (height // 2, width // 2)
    rows = np.tile(np.array(chroma, np.uint8), (*shape[:1], shape[1]))
    step_of_chroma = 2 * step if encoding == "nv24" else step
    data = b"".join(_padded(plane, width) for plane, width in ((luma, step), (rows, step_of_chroma)))
    size = {"height": height, "width": width, "step": step}
    return SimpleNamespace(header=messages.header(), encoding=encoding, is_bigendian=0, data=data, **size)


def _padded(plane: np.ndarray, step: int) -> bytes:
    out = np.full((len(plane), step), 0xA5, np.uint8)
    out[:, : plane.shape[1]] = plane
    return out.tobytes()


@pytest.mark.usefixtures("bridge")
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("encoding", BAYER)
def test_every_mosaic_gives_its_colour(encoding, padding, big_endian):
    msg = messages.image(mosaic(encoding), encoding, padding, big_endian)
    np.testing.assert_array_equal(conversions.decode_rgb(msg), np.full((8, 12, 3), ORANGE))


@pytest.mark.usefixtures("bridge")
@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("encoding", YUV_PACKED)
def test_every_packed_yuv_gives_its_colour(encoding, padding):
    rgb = conversions.decode_rgb(messages.image(packed(encoding), encoding, padding))
    np.testing.assert_allclose(rgb, np.full((8, 12, 3), ORANGE), atol=2)


@pytest.mark.parametrize("step", [12, 16])
@pytest.mark.parametrize("encoding", YUV_PLANAR)
def test_every_planar_yuv_gives_its_colour(encoding, step):
    rgb = conversions.decode_rgb(planar(encoding, step=step))
    assert rgb.shape == (8, 12, 3)
    np.testing.assert_allclose(rgb.astype(int), np.full((8, 12, 3), ORANGE), atol=2)


def test_planes_may_be_packed_closely_whatever_the_step_says():
    msg = planar("nv12")
    msg.step = 24  # some drivers count two bytes a pixel
    np.testing.assert_allclose(conversions.decode_rgb(msg).astype(int), np.full((8, 12, 3), ORANGE), atol=2)


def test_full_chroma_keeps_every_pixel():
    """A neighbour's colour must not be seen: 4:4:4 has one of its own for each pixel."""
    msg = planar("nv24", 2, 2, 2)
    msg.data = bytes([122, 122, 122, 122, 87, 176, 128, 128, 128, 128, 87, 176])
    rgb = conversions.decode_rgb(msg).astype(int)
    np.testing.assert_allclose(rgb[[0, 1], [0, 1]], [ORANGE, ORANGE], atol=2)
    assert np.ptp(rgb[[0, 1], [1, 0]], axis=1).tolist() == [0, 0]


FAULTS = {
    "mosaic cut short": (
        messages.image(mosaic("bayer_rggb8"), "bayer_rggb8"),
        {"data": bytes(95)},
        "95 bytes",
    ),
    "planes cut short": (planar("nv12"), {"data": bytes(143)}, "143 bytes, 12x8 nv12"),
    "no planes": (planar("nv21"), {"data": b""}, "0 bytes"),
    "step below the width": (planar("nv24"), {"step": 11}, None),
    "odd height": (planar("nv12"), {"height": 7}, "even size, got 12x7"),
    "no size": (planar("nv12"), {"width": 0}, "0x8"),
    "odd width": (messages.image(np.zeros((2, 3, 2), np.uint8), "yuyv"), {}, "even width, got 3"),
    "one row": (
        messages.image(np.zeros((1, 4), np.uint8), "bayer_grbg8"),
        {},
        "at least 2x2 pixels, got 4x1",
    ),
}


@pytest.mark.parametrize("msg, changes, said", FAULTS.values(), ids=FAULTS)
def test_malformed_ones_are_refused_with_the_value(msg, changes, said):
    changed = SimpleNamespace(**{**vars(msg), **changes})
    if said is None:  # closely packed data need no step
        assert conversions.decode_rgb(changed).shape == (8, 12, 3)
        return
    with pytest.raises(InputError, match=said):
        conversions.decode_rgb(changed)


def test_the_installed_cv_bridge_reads_what_its_package_promises():
    """A pair of cv_bridge and OpenCV that cannot work together (1.13 with OpenCV 5) must not be installed."""
    cv_bridge = pytest.importorskip("cv_bridge")
    rgb = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    msg = messages.image(rgb, "rgb8")
    np.testing.assert_array_equal(cv_bridge.CvBridge().imgmsg_to_cv2(msg, "rgb8"), rgb)
    read = {encoding for encoding in (*BAYER, *YUV_PACKED) if raw_colors.bridge_reads(encoding)}
    assert {"bayer_rggb8", "bayer_bggr8", "bayer_gbrg8"} <= read


def test_whatever_cv_bridge_makes_eight_bit_rgb_of_we_decode_alike():
    bridge = pytest.importorskip("cv_bridge").CvBridge()
    compared = set()
    for encoding in (*NAMED, *BAYER, *YUV_PACKED):
        layout = layout_of(encoding)
        shape = (6, 8, layout.channels)[: 2 + (layout.channels > 1)]
        full = np.iinfo(layout.dtype).max
        pixels = np.random.default_rng(0).integers(0, full, shape, layout.dtype, endpoint=True)
        msg = messages.image(pixels, encoding)
        try:
            theirs = bridge.imgmsg_to_cv2(msg, "rgb8")
        except raw_colors.BRIDGE_FAILURES:
            continue  # it does not read this one
        if theirs.dtype == np.uint8:
            np.testing.assert_array_equal(conversions.decode_rgb(msg), theirs)
            compared.add(encoding)
    assert {
        "rgb8",
        "bgr8",
        "rgba8",
        "bgra8",
        "mono8",
        "bayer_rggb8",
        "bayer_bggr8",
        "bayer_gbrg8",
    } <= compared


class Refusing:
    def imgmsg_to_cv2(self, image: object, encoding: str) -> np.ndarray:
        raise KeyError(encoding)


def test_a_cv_bridge_that_fails_is_asked_once_and_opencv_converts(monkeypatch):
    made = []

    def bridge() -> Refusing:
        made.append(None)
        return Refusing()

    monkeypatch.setitem(sys.modules, "cv_bridge", SimpleNamespace(CvBridge=bridge))
    for _ in range(3):
        msg = messages.image(mosaic("bayer_rggb8"), "bayer_rggb8")
        np.testing.assert_array_equal(conversions.decode_rgb(msg), np.full((8, 12, 3), ORANGE))
    assert len(made) == 1


def test_a_cv_bridge_that_works_does_the_converting(monkeypatch):
    class Purple:
        def imgmsg_to_cv2(self, image: SimpleNamespace, encoding: str) -> np.ndarray:
            return np.full((image.height, image.width, 3), (9, 0, 9), np.uint8)

    monkeypatch.setitem(sys.modules, "cv_bridge", SimpleNamespace(CvBridge=Purple))
    msg = messages.image(mosaic("bayer_rggb8"), "bayer_rggb8")
    assert conversions.decode_rgb(msg)[0, 0].tolist() == [9, 0, 9]


COMPRESSED = {
    "bayer_rggb8; jpeg compressed ": ("bayer_rggb8", ".jpg", 3),
    "bayer_rggb8; png compressed ": ("bayer_rggb8", ".png", 0),
    "bayer_gbrg16; png compressed ": ("bayer_gbrg16", ".png", 0),
    "BAYER_GRBG8; png compressed": ("bayer_grbg8", ".png", 0),
}


@pytest.mark.parametrize("form", COMPRESSED)
def test_compressed_mosaics_keep_their_colour(form):
    encoding, suffix, tolerance = COMPRESSED[form]
    data = cv2.imencode(suffix, mosaic(encoding, 64, 96))[1].reshape(-1)
    pixels, found = decode_compressed(SimpleNamespace(format=form, data=data))
    assert found == encoding
    rgb = conversions.decode_rgb(messages.image(pixels, found)).astype(int)
    np.testing.assert_allclose(rgb[8:-8, 8:-8], np.full((48, 80, 3), ORANGE), atol=tolerance)


def test_a_mosaic_that_was_compressed_in_eight_bits_is_called_so():
    data = cv2.imencode(".jpg", mosaic("bayer_rggb8"))[1].reshape(-1)
    form = "bayer_rggb16; jpeg compressed "
    assert decode_compressed(SimpleNamespace(format=form, data=data))[1] == "bayer_rggb8"


def test_a_mosaic_that_was_converted_before_compression_is_a_colour_image():
    data = cv2.imencode(".png", np.full((4, 4, 3), (40, 100, 200), np.uint8))[1].reshape(-1)
    pixels, encoding = decode_compressed(
        SimpleNamespace(format="bayer_rggb8; jpeg compressed bgr8", data=data)
    )
    assert encoding == "bgr8" and pixels[0, 0].tolist() == [40, 100, 200]
