# SPDX-License-Identifier: Apache-2.0
"""Image files of every kind are pixels, the same for every reader, or one line that names the file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import rgbd_folders as rgbd
from PIL import Image, PngImagePlugin

from geo_perception.datasets.folders import files_in
from geo_perception.datasets.images import PNG_START, read_rgb
from geo_perception.datasets.rgbd import open_rgbd
from geo_perception.datasets.rgbd.image_folder import picture_files
from geo_perception.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 255, (24, 32, 3)).astype(np.uint8)
GREY = np.repeat(PIXELS[..., :1], 3, axis=2)
COLOUR = Image.fromarray(PIXELS)


def part(letters: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + letters + body + struct.pack(">I", zlib.crc32(letters + body))


def with_texts(path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("XML", "x" * 2**21, zip=True)
    text.add_itxt("XMP", "y" * 2**21)
    COLOUR.save(path, pnginfo=text, icc_profile=b"0" * 2**21)


def upper_bytes(path: Path) -> None:
    cv2.imwrite(str(path), PIXELS[..., ::-1].astype(np.uint16) * 256 + 77)


SAVED: dict[str, tuple[Callable[[Path], object], np.ndarray]] = {
    "plain.png": (COLOUR.save, PIXELS),
    "texts.png": (with_texts, PIXELS),
    "16_bit.png": (upper_bytes, PIXELS),
    "jpeg_called.png": (lambda path: COLOUR.save(path, "BMP"), PIXELS),
    "clear.png": (lambda path: COLOUR.convert("RGBA").save(path), PIXELS),
    "grey.png": (lambda path: Image.fromarray(GREY[..., 0]).save(path), GREY),
    "grey_clear.png": (lambda path: Image.fromarray(GREY[..., 0]).convert("LA").save(path), GREY),
    "two.png": (lambda path: Image.fromarray(GREY[..., 0] > 99).save(path), np.where(GREY > 99, 255, 0)),
    "palette.png": (
        lambda path: Image.fromarray(GREY[..., 0]).convert("P").save(path),
        np.asarray(Image.fromarray(GREY[..., 0]).convert("P").convert("RGB")),
    ),
    "print.tif": (
        lambda path: COLOUR.convert("CMYK").save(path),
        np.asarray(COLOUR.convert("CMYK").convert("RGB")),
    ),
    "tail.ppm": (lambda path: path.write_bytes(b"P6 32 24 255\n" + PIXELS.tobytes() + b"more"), PIXELS),
}


@pytest.mark.parametrize("name", SAVED)
def test_every_kind_gives_its_pixels(tmp_path: Path, name: str) -> None:
    save, want = SAVED[name]
    save(tmp_path / name)
    got = read_rgb(tmp_path / name)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, want)


def test_a_phones_photograph_with_a_preview_is_the_photograph(tmp_path: Path) -> None:
    COLOUR.save(tmp_path / "alone.jpg", quality=95)
    preview = COLOUR.resize((8, 6))
    COLOUR.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[preview], quality=95)
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.jpg"), read_rgb(tmp_path / "alone.jpg"))


def animated(path: Path) -> None:
    COLOUR.save(path, save_all=True, append_images=[COLOUR.rotate(180)])


def cut(share: float) -> Callable[[Path], object]:
    def save(path: Path) -> None:
        COLOUR.save(path)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return save


def spoilt(path: Path) -> None:
    COLOUR.save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def bomb(path: Path) -> None:
    head = part(b"IHDR", struct.pack(">IIBBBBB", 10**5, 10**5, 8, 2, 0, 0, 0))
    path.write_bytes(PNG_START + head + part(b"IDAT", zlib.compress(bytes(100))) + part(b"IEND", b""))


@pytest.mark.parametrize(
    ("name", "save", "said"),
    [
        ("a.webp", animated, "holds 2 pictures"),
        ("a.png", animated, "holds 2 pictures"),
        ("a.png", cut(0.5), "is truncated"),
        ("a.png", cut(0.995), "is truncated"),
        ("a.jpg", cut(0.9), "truncated"),
        ("a.png", spoilt, "has another checksum in b'IDAT'"),
        ("a.png", bomb, "exceeds limit"),
        ("a.png", Path.touch, "it is empty"),
        (
            "a.png",
            lambda path: path.write_text("no picture"),
            r"it starts with b'no pictu' and is no intact PNG",
        ),
        ("a.png", Path.mkdir, "is no file"),
        ("a.jpg", lambda path: path.write_bytes(b"\0\0\0\x18ftypheic\0\0"), "is HEIF.*convert it to JPEG"),
        ("a.png", lambda path: path.symlink_to("nowhere"), "is missing"),
        ("a.png", lambda path: path.symlink_to(path), "is missing|cannot be read"),
        (
            "a.tif",
            lambda path: Image.fromarray(PIXELS[..., 0].astype(np.float32)).save(path),
            "is not an 8-bit",
        ),
        (
            "a.png",
            lambda path: Image.fromarray(PIXELS[..., 0].astype(np.uint16)).save(path),
            "is not an 8-bit",
        ),
    ],
)
def test_what_is_no_picture_is_one_line(
    tmp_path: Path, name: str, save: Callable[[Path], object], said: str
) -> None:
    save(tmp_path / name)
    with pytest.raises(DataError, match=rf"a\.\w+ .*({said})") as error:
        read_rgb(tmp_path / name)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_orientation_turns_pictures_and_leaves_calibrated_ones(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    path = tmp_path / f"a.{suffix}"
    COLOUR.save(path, exif=exif)
    stored = read_rgb(path)
    assert stored.shape == PIXELS.shape
    np.testing.assert_array_equal(read_rgb(path, upright=True), np.rot90(stored, -1))
    if suffix in ("png", "tif"):
        np.testing.assert_array_equal(stored, PIXELS)


@pytest.mark.parametrize(("turned", "width"), [(False, 64), (True, 48)])
def test_colour_is_turned_only_where_depth_is(tmp_path: Path, turned: bool, width: int) -> None:
    """A phone's JPEG says 'turn me'; the depth beside it is of the sensor's pixels or of the upright picture."""
    exif = Image.Exif()
    exif[0x0112] = 6
    rgbd.redwood(tmp_path)
    for path in (tmp_path / "color").iterdir():
        Image.open(path).save(path, exif=exif)
    if turned:
        (tmp_path / "camera-intrinsics.txt").write_text("60 0 23.5\n0 60 31.5\n0 0 1\n")
        for path in (tmp_path / "depth").iterdir():
            Image.fromarray(np.rot90(np.asarray(Image.open(path)), -1).copy()).save(path)
    frame = open_rgbd(tmp_path)[0]
    assert frame.image.shape[:2] == frame.camera.size == frame.depth_truth_m.shape
    assert frame.camera.width == width


@pytest.mark.parametrize(
    ("size", "fits"), [((24, 32), True), ((96, 128), True), ((36, 64), False), ((64, 48), False)]
)
def test_depth_of_another_aspect_is_refused(tmp_path: Path, size: tuple[int, int], fits: bool) -> None:
    rgbd.redwood(tmp_path)
    rgbd.save_png16(tmp_path / "depth/00000.png", np.full(size, 2000))
    frames = open_rgbd(tmp_path)
    if fits:
        assert frames[0].depth_truth_m.shape == size
        return
    said = rf"00000\.jpg is 64x48, depth .*00000\.png is {size[1]}x{size[0]}: another aspect"
    with pytest.raises(DataError, match=said):
        frames[0]


def test_folders_are_read_by_number_without_hidden_files(tmp_path: Path) -> None:
    names = ["10.PNG", "9.jpg", "2.JPEG", "._9.jpg", "Thumbs.db", "notes.txt", "1.HEIC"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "3.png").mkdir()
    assert [p.name for p in files_in(tmp_path)] == ["2.JPEG", "9.jpg", "10.PNG"]
    assert [p.name for p in picture_files(tmp_path)] == ["1.HEIC", "2.JPEG", "9.jpg", "10.PNG"]


def test_suffixes_of_any_case_pair(tmp_path: Path) -> None:
    rgbd.redwood(tmp_path)
    (tmp_path / "color/00000.jpg").rename(tmp_path / "color/00000.JPG")
    (tmp_path / "depth/00000.png").rename(tmp_path / "depth/00000.PNG")
    (tmp_path / "color/._00000.JPG").write_bytes(b"resource fork")
    assert [f.image.name for f in open_rgbd(tmp_path).files] == ["00000.JPG", "00001.jpg"]
