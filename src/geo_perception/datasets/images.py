# SPDX-License-Identifier: Apache-2.0
"""Image files as pixels: one decoder for every data set, so that no two readers see a file differently.

Metadata beside the pixels (texts, colour profiles) is not decoded: renderers and editors write megabytes of it, which
Pillow refuses.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from geo_perception._types import Image as Image8
from geo_perception.errors import DataError

# Formats with pixels of a camera. Pillow knows more, among them some that start other programs (EPS).
FORMATS = ("PNG", "JPEG", "PPM", "BMP", "TIFF", "WEBP", "GIF")
# Deeper ones would be clipped to white when converted. 16-bit colour PNG comes as RGB, its upper bytes.
MODES_8_BIT = ("RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "1", "CMYK", "YCbCr")
# Phones add a preview or a depth map as further images; the first is the photograph.
SINGLE = ("JPEG", "MPO")
# EXIF's entry, and its values for pixels stored as they are to be seen, and with rows and columns exchanged.
ORIENTATION, UPRIGHT, EXCHANGED = 0x0112, 1, (5, 6, 7, 8)
AS_STORED = {  # what undoes each orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
LARGEST_FILE = 2**30  # bytes; larger files are no images of a camera
HEIF_SUFFIXES, HEAD_BYTES = (".heic", ".heif"), 12
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")  # of the box "ftyp" at the file's start
PNG_START, PNG_LAST = b"\x89PNG\r\n\x1a\n", b"IEND"
PNG_EXTRAS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")

# Exceptions of Pillow's decoders on damaged files, as fuzzing them shows.
PILLOW_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, EOFError, MemoryError,
    RuntimeError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip


def read_rgb(path: Path, *, upright: bool = False) -> Image8:
    """Read (H, W, 3) RGB of an 8-bit image; grey gives three equal channels.

    Args:
        path: the file.
        upright: turn it as its EXIF orientation says. Calibrations and depth belong to pixels as they are stored, so
            that only images without either are to be turned.

    Raises:
        DataError: missing, damaged, several images in one file, or not 8 bit.
    """
    return as_rgb(load_image(path), path, upright=upright)


def as_rgb(image: Image.Image, path: Path, *, upright: bool = False) -> Image8:
    """Convert a loaded image to (H, W, 3) RGB, as `read_rgb` does."""
    if image.mode not in MODES_8_BIT:
        raise DataError(
            f"{path} is not an 8-bit image (mode {image.mode}); allowed: {', '.join(MODES_8_BIT)}"
        )
    try:
        with _without_remarks():
            shown = ImageOps.exif_transpose(image) if upright else image
            return np.asarray(shown.convert("RGB"), np.uint8)
    except PILLOW_ERRORS as error:
        raise DataError(f"image {path} cannot be read: {_reason(error)}") from error


def sizes(image: Image.Image) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (height, width) of the pixels as stored, and of the image turned as the file says."""
    stored = image.height, image.width
    return stored, stored[::-1] if orientation(image) in EXCHANGED else stored


def orientation(image: Image.Image) -> int:
    """Return EXIF's orientation from 1 (upright) to 8; 1 where the file states none that is valid."""
    try:
        with _without_remarks():
            value = image.getexif().get(ORIENTATION, UPRIGHT)
    except PILLOW_ERRORS:
        return UPRIGHT  # damaged metadata does not matter: the pixels are intact
    return value if isinstance(value, int) and 1 <= value <= 8 else UPRIGHT


def load_image(path: Path, what: str = "image", *, pixels: bool = True) -> Image.Image:
    """Load the only image of a file.

    Args:
        path: the file.
        what: name of the file's kind in messages.
        pixels: decode the pixels, else only read the header.

    Raises:
        DataError: missing, too large, of no known format, truncated, damaged, or several images in one file.
    """
    content = read_content(path, what)
    refuse_heif(content, f"{what} {path}")
    if content.startswith(PNG_START):
        content = without_extras(content, f"{what} {path}")
    try:
        with _without_remarks():
            image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
            kind, count = image.format, getattr(image, "n_frames", 1)
            if kind == "TIFF":
                image = _as_stored(image)
            elif pixels:
                image.load()
    except UnidentifiedImageError as error:
        kinds = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        start = f"starts with {content[:8]!r}" if content else "is empty"
        raise DataError(f"{what} {path} cannot be read: it {start} and is no intact {kinds}") from error
    except PILLOW_ERRORS as error:
        raise DataError(f"{what} {path} cannot be read: {_reason(error)}") from error
    if count > 1 and kind not in SINGLE:
        raise DataError(f"{what} {path} holds {count} pictures: save them one by one, or as a video")
    return image


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Silence Pillow's warnings, which lack the file's name; it raises for files that it cannot read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def _as_stored(image: Image.Image) -> Image.Image:
    """Undo Pillow's turning of TIFF, the one format that it turns while decoding, so that pixels are as stored."""
    turn = orientation(image)
    image.load()
    if turn == UPRIGHT or turn not in AS_STORED:
        return image
    stored = image.transpose(AS_STORED[turn])
    stored.getexif()[ORIENTATION] = turn
    return stored


def read_content(path: Path, what: str) -> bytes:
    """Read all bytes of a file. Raises DataError if it is missing, no file, too large or unreadable."""
    try:
        if not path.is_file():
            raise DataError(f"{what} {path} {'is no file' if path.exists() else 'is missing'}")
        if path.stat().st_size > LARGEST_FILE:
            raise DataError(
                f"{what} {path} has {path.stat().st_size} bytes, allowed: up to {LARGEST_FILE} (1 GiB)"
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise DataError(f"{what} {path} cannot be read: {getattr(error, 'strerror', error)}") from error


def refuse_heif(content: bytes, origin: str) -> None:
    """Raise DataError for HEIF, which phones write by default; the first HEAD_BYTES tell."""
    if content[4:8] == b"ftyp" and content[8:12] in HEIF_BRANDS:
        raise DataError(
            f"{origin} is HEIF (HEIC), which is not read: convert it to JPEG or PNG (heif-convert, or the phone's "
            "setting 'most compatible')"
        )


def without_extras(png: bytes, origin: str) -> bytes:
    """Strip texts and colour profile from a PNG file after verifying its chunks.

    A chunk is its length, four letters, that many bytes, and a checksum of letters and bytes (PNG specification, 5.3).
    Pillow would take a file that ends within its pixels for a whole one, with other pixels.

    Raises:
        DataError: it ends early, or the checksum of a critical chunk is wrong.
    """
    kept, at = [PNG_START], len(PNG_START)
    while at + 12 <= len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        letters, critical = png[at + 4 : at + 8], png[at + 4 : at + 5].isupper()
        if critical and zlib.crc32(png[at + 4 : end - 4]) != int.from_bytes(png[end - 4 : end], "big"):
            said = "is truncated" if end > len(png) else f"has another checksum in {letters!r}"
            raise DataError(f"{origin} cannot be read: it {said} after {at} of {len(png)} bytes")
        if letters not in PNG_EXTRAS:
            kept.append(png[at:end])
        if letters == PNG_LAST:
            return b"".join(kept)
        at = end
    raise DataError(f"{origin} cannot be read: it is truncated after {len(png)} bytes")


def _reason(error: Exception | Image.DecompressionBombError) -> str:
    """Shorten an exception's message to one line."""
    return " ".join(str(error).split()) or type(error).__name__
