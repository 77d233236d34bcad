# SPDX-License-Identifier: Apache-2.0
"""Conversion of Bayer mosaics and YUV images to RGB: by cv_bridge where it can, else by OpenCV.

On a robot cv_bridge reads the mosaics, yuv422 and yuv422_yuy2; the pure-Python port on PyPI reads three of the
8-bit mosaics, if OpenCV is older than 5. Neither reads uyvy, yuyv or the planar nv* formats, which recent camera
drivers publish.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Image
from geo_perception.errors import InputError
from geo_perception.ros.conversions.buffers import BIG_ENDIAN_HOST, bytes_of
from geo_perception.ros.conversions.layouts import (
    BAYER,
    YUV_PACKED,
    YUV_PLANAR,
    PixelLayout,
    check_size,
    layout_of,
    pixels_of,
)

EIGHT_OF_SIXTEEN_BITS = 255 / 65535  # the whole range onto the whole range, as cv_bridge does
# OpenCV names a mosaic after the second and third pixel of its second row, ROS after the first two rows.
MOSAICS = {
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}
PACKED = {
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
    "yuyv": cv2.COLOR_YUV2RGB_YUY2,
}
PLANAR = {"nv12": cv2.COLOR_YUV2RGB_NV12, "nv21": cv2.COLOR_YUV2RGB_NV21}
# Errors of an installed cv_bridge that cannot convert: unknown encodings, another NumPy's or OpenCV's interface.
BRIDGE_FAILURES = (ImportError, AttributeError, LookupError, TypeError, ValueError, RuntimeError, cv2.error)


def is_raw(encoding: str) -> bool:
    """Return whether an encoding is a mosaic or YUV."""
    return encoding in BAYER or encoding in YUV_PACKED or encoding in YUV_PLANAR


def decode_raw(msg: Any) -> Image:
    """Decode a Bayer or YUV image to (H, W, 3) RGB; 16-bit mosaics are scaled to 8 bits over their whole range.

    Raises:
        InputError: size, step and data do not fit one another, or an odd size where chroma is halved.
    """
    if msg.encoding in YUV_PLANAR:
        return _planar(msg)
    pixels = pixels_of(msg, layout_of(msg.encoding))
    if msg.encoding in YUV_PACKED and msg.width % 2:
        raise InputError(f"a {msg.encoding} image needs an even width, got {msg.width}")
    if msg.encoding in BAYER and min(msg.width, msg.height) < 2:
        raise InputError(f"a {msg.encoding} image needs at least 2x2 pixels, got {msg.width}x{msg.height}")
    pixels = np.ascontiguousarray(pixels)
    return _bridged(msg.encoding, pixels) if bridge_reads(msg.encoding) else convert(msg.encoding, pixels)


def convert(encoding: str, pixels: NDArray[Any]) -> Image:
    """Convert a contiguous mosaic (H, W) or packed YUV (H, W, 2) to RGB (H, W, 3) by OpenCV."""
    code = PACKED[encoding] if encoding in YUV_PACKED else MOSAICS[encoding[6:10]]
    return eight_bits(cv2.cvtColor(pixels, code))


def eight_bits(pixels: NDArray[Any]) -> Image:
    """Convert 8- or 16-bit pixels to 8 bits."""
    if pixels.dtype == np.uint8:
        return np.asarray(pixels)
    aligned = np.ascontiguousarray(pixels)  # rows of an odd number of bytes are not
    return np.asarray(cv2.convertScaleAbs(aligned, alpha=EIGHT_OF_SIXTEEN_BITS))


@cache
def bridge_reads(encoding: str) -> bool:
    """Return whether the installed cv_bridge converts this encoding, found by trying once."""
    layout = layout_of(encoding)
    try:
        rgb = _bridged(encoding, _grey(layout))
    except BRIDGE_FAILURES:
        return False
    return rgb.shape == (4, 4, 3) and rgb.dtype == np.uint8


def _grey(layout: PixelLayout) -> NDArray[Any]:
    shape = (4, 4) if layout.channels == 1 else (4, 4, layout.channels)
    return np.full(shape, 90, layout.dtype)


def _bridged(encoding: str, pixels: NDArray[Any]) -> Image:
    height, width = pixels.shape[:2]
    image = SimpleNamespace(height=height, width=width, encoding=encoding, step=pixels.nbytes // height)
    image.is_bigendian, image.data = BIG_ENDIAN_HOST, pixels.tobytes()
    return np.asarray(_bridge().imgmsg_to_cv2(image, "rgb8"))


@cache
def _bridge() -> Any:
    from cv_bridge import CvBridge

    return CvBridge()


def _planar(msg: Any) -> Image:
    """Convert a Y plane and one of interleaved chroma to RGB, both in rows of `step` bytes or closely packed."""
    check_size(msg)
    height, width = msg.height, msg.width
    halved = msg.encoding in PLANAR
    if halved and (height % 2 or width % 2):
        raise InputError(f"an {msg.encoding} image needs an even size, got {width}x{height}")
    data, rows = bytes_of(msg), height + height // 2 if halved else 3 * height
    step = width if data.size == rows * width else msg.step
    if step < width or data.size != rows * step:
        raise InputError(
            f"image data is {data.size} bytes, {width}x{height} {msg.encoding} pixels in rows of {msg.step} bytes "
            f"need {rows * max(msg.step, width)}"
        )
    if halved:
        planes = np.ascontiguousarray(data.reshape(rows, step)[:, :width])
        return np.asarray(cv2.cvtColor(planes, PLANAR[msg.encoding]))
    chroma = data[height * step :].reshape(height, 2 * step)[:, : 2 * width]
    return _full_chroma(data[: height * step].reshape(height, step)[:, :width], chroma)


def _full_chroma(luma: Image, chroma: Image) -> Image:
    """Convert Y (H, W) and UV (H, 2 W) to RGB as NV12 of twice the size: OpenCV has no code for 4:4:4 in two planes."""
    planes = np.concatenate((luma.repeat(2, 0).repeat(2, 1), chroma))
    return np.ascontiguousarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_NV12)[::2, ::2])
