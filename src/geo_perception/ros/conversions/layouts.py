# SPDX-License-Identifier: Apache-2.0
"""Pixel layouts of the sensor_msgs/Image encodings, and views of pixels in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import InputError
from geo_perception.ros.conversions.buffers import bytes_of, in_host_order


@dataclass(frozen=True)
class PixelLayout:
    """Interleaved channels of equal type."""

    dtype: np.dtype[Any]
    channels: int


BYTE, SHORT = np.dtype("u1"), np.dtype("u2")
NAMED = {
    "mono8": PixelLayout(BYTE, 1),
    "mono16": PixelLayout(SHORT, 1),
    **{name + "8": PixelLayout(BYTE, len(name)) for name in ("rgb", "bgr", "rgba", "bgra")},
    **{name + "16": PixelLayout(SHORT, len(name)) for name in ("rgb", "bgr", "rgba", "bgra")},
}
KINDS = {"8U": "u1", "8S": "i1", "16U": "u2", "16S": "i2", "32S": "i4", "32F": "f4", "64F": "f8"}
TYPED = re.compile(r"(8U|8S|16U|16S|32S|32F|64F)C([1-4])")  # OpenCV's type names
BAYER = {
    f"bayer_{order}{bits}": PixelLayout(kind, 1)
    for order in ("rggb", "bggr", "gbrg", "grbg")
    for bits, kind in ((8, BYTE), (16, SHORT))
}
YUV_PACKED = {name: PixelLayout(BYTE, 2) for name in ("yuv422", "uyvy", "yuv422_yuy2", "yuyv")}
YUV_PLANAR = ("nv12", "nv21", "nv24")  # a plane of Y, then one of interleaved chroma
ALLOWED = (
    f"{', '.join(NAMED)}, 8U|8S|16U|16S|32S|32F|64F + C1..C4, bayer_*8, bayer_*16, {', '.join(YUV_PACKED)}, "
    f"{', '.join(YUV_PLANAR)}"
)


def layout_of(encoding: str) -> PixelLayout:
    """Look up the pixel layout of an encoding's name.

    Raises:
        InputError: unknown, or planar (nv12, nv21, nv24), which no single layout describes.
    """
    for table in (NAMED, BAYER, YUV_PACKED):
        if encoding in table:
            return table[encoding]
    match = TYPED.fullmatch(encoding)
    if match is None:
        raise InputError(f"unknown image encoding {encoding!r}, allowed: {ALLOWED}")
    return PixelLayout(np.dtype(KINDS[match[1]]), int(match[2]))


def pixels_of(msg: Any, layout: PixelLayout) -> NDArray[Any]:
    """View pixels as (H, W) or (H, W, C) in the host's byte order; a copy if the message's order is foreign.

    Raises:
        InputError: zero size, a step below a row's bytes, or not step * height bytes.
    """
    data = _checked_bytes(msg, layout)
    item = layout.dtype.itemsize
    dtype = layout.dtype.newbyteorder(">" if msg.is_bigendian else "<")
    shape, strides = (msg.height, msg.width, layout.channels), (msg.step, layout.channels * item, item)
    view: NDArray[Any] = np.ndarray(shape, dtype, data, strides=strides)
    return in_host_order(view if layout.channels > 1 else view[..., 0])


def check_size(msg: Any) -> None:
    """Raise InputError unless width and height are positive."""
    if msg.width < 1 or msg.height < 1:
        raise InputError(f"image size must be positive, got {msg.width}x{msg.height}")


def _checked_bytes(msg: Any, layout: PixelLayout) -> NDArray[np.uint8]:
    """Return the payload after checking that size, step and length agree."""
    check_size(msg)
    row = msg.width * layout.channels * layout.dtype.itemsize
    if msg.step < row:
        raise InputError(
            f"image step is {msg.step}, a row of {msg.width} {msg.encoding} pixels needs {row} bytes"
        )
    data = bytes_of(msg)
    needed = msg.step * msg.height
    if data.size != needed:
        raise InputError(
            f"image data is {data.size} bytes, step {msg.step} x height {msg.height} needs {needed}"
        )
    return data
