# SPDX-License-Identifier: Apache-2.0
"""Pictures, depth files, names of files and videos, damaged at random: a frame comes out, or one error of ours.

GEO_PERCEPTION_FUZZ_EXAMPLES is how many inputs each test tries.
"""

from __future__ import annotations

import io
import os
import tempfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.indoor_model import picture
from helpers.pictures import video
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from geo_perception.datasets.files import read_map16
from geo_perception.datasets.images import read_rgb
from geo_perception.datasets.rgbd.camera_source import FieldOfView
from geo_perception.datasets.rgbd.depth_encodings import read_nyu_pgm, read_sun_png
from geo_perception.datasets.rgbd.depth_files import METRES, DepthReader
from geo_perception.datasets.rgbd.depth_units import settled
from geo_perception.datasets.rgbd.files import read_list
from geo_perception.datasets.rgbd.image_folder import read_video
from geo_perception.datasets.rgbd.pairing import pair
from geo_perception.errors import GeoPerceptionError

EXAMPLES = int(os.environ.get("GEO_PERCEPTION_FUZZ_EXAMPLES", "30"))
fuzzed = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

Reader = Callable[[Path], object]

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["set", "cut", "drop", "repeat", "insert", "zero"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    max_size=6,
)
PNG_PARTS = [b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"zTXt", b"iCCP", b"gAMA", b"acTL", b"IDAT", b"IEND"]


def edited(content: bytes, edits: list[tuple[str, float, int]]) -> bytes:
    """The content after each edit in turn."""
    data = bytearray(content)
    for kind, place, value in edits:
        at, length = int(place * len(data)), value + 1
        if kind == "set" and data:
            data[at] = value
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + length]
        elif kind == "repeat":
            data[at:at] = data[at : at + length]
        elif kind == "insert":
            data[at:at] = bytes([value]) * length
        elif kind == "zero":
            data[at : at + length] = bytes(len(data[at : at + length]))
    return bytes(data)


@cache
def pictures() -> dict[str, bytes]:
    """Small intact files of every kind and mode."""
    base = Image.fromarray(picture()[:24, :32])
    exif = Image.Exif()
    exif[0x0112] = 6
    modes = {
        "png": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"),
        "jpg": ("RGB", "L", "CMYK"),
        "webp": ("RGB",),
    }
    modes |= {
        "bmp": ("RGB", "P"),
        "ppm": ("RGB",),
        "pgm": ("L",),
        "tif": ("RGB", "F", "I;16", "CMYK"),
        "gif": ("P",),
    }
    found = {}
    for suffix, kinds in modes.items():
        for mode in kinds:
            image = base.convert("L").convert(mode) if mode in ("F", "I;16") else base.convert(mode)
            target = io.BytesIO()
            kind = {"jpg": "JPEG", "tif": "TIFF", "pgm": "PPM"}.get(suffix, suffix.upper())
            image.save(target, kind, **({"exif": exif} if suffix in ("jpg", "png", "webp") else {}))
            found[f"{mode.replace(';', '')}.{suffix}"] = target.getvalue()
    return found


@cache
def depths() -> dict[str, bytes]:
    """Small intact depth files of every kind."""
    metres = np.linspace(1, 3, 24 * 32, dtype=np.float32).reshape(24, 32)
    found = {}
    for kind in (np.float32, np.float16, np.float64, np.uint16, np.int32):
        target = io.BytesIO()
        np.save(target, (metres * (1000 if np.dtype(kind).kind in "iu" else 1)).astype(kind))
        found[f"{np.dtype(kind)}.npy"] = target.getvalue()
    for name, kind, mode in (("d.png", "PNG", np.uint16), ("d.tif", "TIFF", np.float32)):
        target = io.BytesIO()
        Image.fromarray((metres * 1000).astype(mode)).save(target, kind)
        found[name] = target.getvalue()
    found["d.pfm"] = b"Pf\n32 24\n-1.0\n" + metres.tobytes()
    found["d.pgm"] = b"P5 32 24 65535\n" + (1092.5 - 351.3 / metres).astype("<u2").tobytes()
    return found


def tried(read: Reader, name: str, content: bytes) -> None:
    """Reads a file of this content; anything but an answer or one of our errors fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            read(path)
        except GeoPerceptionError as error:
            assert path.name in str(error) and len(str(error).splitlines()) == 1, error


def checked_rgb(path: Path) -> None:
    for upright in (False, True):
        image = read_rgb(path, upright=upright)
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3


def checked_depth(path: Path) -> None:
    settled(DepthReader(METRES), [path])
    depth_m = DepthReader(METRES)(path)
    assert depth_m.dtype == np.float32 and depth_m.ndim == 2
    assert ((depth_m >= 0) & (depth_m <= 100)).all() and (depth_m > 0).any()


@fuzzed
@given(st.data(), EDITS)
def test_damaged_pictures(data: st.DataObject, edits: list[tuple[str, float, int]]) -> None:
    name = data.draw(st.sampled_from(sorted(pictures())))
    tried(checked_rgb, name, edited(pictures()[name], edits))


@fuzzed
@given(
    st.lists(st.tuples(st.sampled_from(PNG_PARTS), st.binary(max_size=40), st.booleans()), max_size=6),
    st.tuples(*[st.integers(0, 2**32 - 1) | st.integers(0, 64)] * 2, *[st.integers(0, 17)] * 5),
)
def test_png_made_of_any_parts(parts: list[tuple[bytes, bytes, bool]], header: tuple[int, ...]) -> None:
    width, height, *rest = header
    first = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes(rest)
    content = b"\x89PNG\r\n\x1a\n"
    for letters, body, packed in [(b"IHDR", first, False), *parts, (b"IEND", b"", False)]:
        kept = zlib.compress(body) if packed else body
        check = zlib.crc32(letters + kept).to_bytes(4, "big")
        content += len(kept).to_bytes(4, "big") + letters + kept + check
    tried(checked_rgb, "a.png", content)


@fuzzed
@given(st.data(), EDITS)
def test_damaged_depth(data: st.DataObject, edits: list[tuple[str, float, int]]) -> None:
    name = data.draw(st.sampled_from(sorted(depths())))
    tried(checked_depth, name, edited(depths()[name], edits))


@fuzzed
@given(
    st.sampled_from([np.float16, np.float32, np.float64, np.uint8, np.uint16, np.int32, np.int64, np.bool_]),
    st.lists(st.integers(0, 5), max_size=4),
    st.lists(st.floats() | st.integers(-(2**31), 2**31), min_size=1, max_size=8),
)
def test_depth_arrays_of_any_values(kind: type, shape: list[int], values: list[float]) -> None:
    with np.errstate(all="ignore"):
        array = np.resize(np.array(values, np.float64).astype(kind), shape)
    target = io.BytesIO()
    np.save(target, array)
    tried(checked_depth, "a.npy", target.getvalue())


@fuzzed
@given(st.sampled_from([read_map16, read_sun_png, read_nyu_pgm]), st.sampled_from(["d.png", "d.pgm"]), EDITS)
def test_damaged_depth_codes(read: Reader, name: str, edits: list[tuple[str, float, int]]) -> None:
    tried(read, name, edited(depths()[name], edits))


@fuzzed
@given(
    st.lists(
        st.lists(st.sampled_from(["a/001_0", "1", "l", "r", "9" * 30, "-1", "\x00", "²", "#"]), max_size=4)
    )
)
def test_lists_of_any_words(rows: list[list[str]]) -> None:
    tried(read_list, "list.txt", "\n".join(" ".join(row) for row in rows).encode())


NAMES = st.lists(st.from_regex(r"[a-z_.\-]{0,3}[0-9²٣]{0,22}[a-z_.\-]{0,2}", fullmatch=True), max_size=6)


@fuzzed
@given(NAMES, NAMES, st.none() | st.binary(max_size=60))
def test_names_of_any_kind_pair_one_to_one_or_not_at_all(
    colours: list[str], depths: list[str], listed: bytes | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if listed is not None:
            (root / "associations.txt").write_bytes(listed)
        sides = [
            [root / side / f"x{name}.png" for name in dict.fromkeys(names)]
            for side, names in (("c", colours), ("d", depths))
        ]
        try:
            pairs = pair(*sides, root)
        except GeoPerceptionError as error:
            assert len(str(error).splitlines()) == 1
            return
        assert len({c for c, _ in pairs}) == len({d for _, d in pairs}) == len(pairs)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return video(tmp_path_factory.mktemp("film") / "a.avi", 4).read_bytes()


@settings(fuzzed, max_examples=max(1, EXAMPLES // 3))
@given(EDITS, st.sampled_from(["a.avi", "10:30:00.mp4", "100%d.webm", "ü ö.mov"]))
def test_damaged_videos(film: bytes, edits: list[tuple[str, float, int]], name: str) -> None:
    def stamps_increase(path: Path) -> None:
        stamps = [frame.stamp_ns for frame in read_video(path, FieldOfView(70.0))]
        assert stamps[0] > 0 and (np.diff(stamps) > 0).all()

    tried(stamps_increase, name, edited(film, edits))
