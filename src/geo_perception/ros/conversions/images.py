# SPDX-License-Identifier: Apache-2.0
"""Conversion of sensor_msgs/Image to NumPy and back: views where the layout allows, one copy where it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception._types import Image as Image8
from geo_perception.errors import InputError
from geo_perception.ros.conversions.buffers import (
    BIG_ENDIAN_HOST,
    byte_array,
    in_host_order,
    with_data,
)
from geo_perception.ros.conversions.layouts import layout_of, pixels_of
from geo_perception.ros.conversions.raw_colors import decode_raw, eight_bits, is_raw

MILLIMETRE_M = 0.001
MAX_DEPTH_16U_MM = 65535


TO_RGB = {  # mono16 is missing on purpose: infrared and thermal cameras use an unknown part of its range
    "bgr8": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "mono8": cv2.COLOR_GRAY2RGB,
    "8UC1": cv2.COLOR_GRAY2RGB,
    "rgb16": None,
    "bgr16": cv2.COLOR_BGR2RGB,
    "rgba16": cv2.COLOR_RGBA2RGB,
    "bgra16": cv2.COLOR_BGRA2RGB,
}


def decode_image(msg: Any) -> NDArray[Any]:
    """Decode to (H, W) or (H, W, C) in the message's own encoding; a view unless the byte order is foreign.

    Bayer and YUV images come back as rgb8.

    Raises:
        InputError: unknown encoding, zero size, a step below a row's bytes, or not step * height bytes.
    """
    if is_raw(msg.encoding):
        return decode_raw(msg)
    return pixels_of(msg, layout_of(msg.encoding))


def decode_rgb(msg: Any) -> Image8:
    """Decode to (H, W, 3) uint8 RGB; a view of rgb8 data, one conversion otherwise (grey is repeated, alpha dropped).

    Raises:
        InputError: as `decode_image`, or an encoding without colours of a defined order and range.
    """
    if msg.encoding == "rgb8" or is_raw(msg.encoding):
        return decode_image(msg)
    layout_of(msg.encoding)
    if msg.encoding not in TO_RGB:
        raise InputError(
            f"image encoding {msg.encoding!r} has no colours of known order and range, allowed: rgb8, "
            f"{', '.join(TO_RGB)}, bayer_*, yuv*, uyvy, yuyv, nv*"
        )
    pixels, code = eight_bits(decode_image(msg)), TO_RGB[msg.encoding]
    return pixels if code is None else np.asarray(cv2.cvtColor(pixels, code), np.uint8)


def decode_depth(msg: Any) -> Array:
    """Decode to (H, W) float32 metres, NaN unknown, from 32FC1 (metres) or 16UC1 (mm, 0 unknown); see REP 118.

    Values that are not positive or not finite become NaN.

    Raises:
        InputError: as `decode_image`, or another encoding.
    """
    if msg.encoding not in ("32FC1", "16UC1"):
        raise InputError(
            f"depth image encoding is {msg.encoding!r}, allowed: 32FC1 (metres), 16UC1 (millimetres)"
        )
    values = decode_image(msg)
    depth_m = values if msg.encoding == "32FC1" else values.astype(np.float32) * np.float32(MILLIMETRE_M)
    bad = ~(depth_m > 0) | np.isinf(depth_m)
    return np.where(bad, np.float32(np.nan), depth_m) if (bad & ~np.isnan(depth_m)).any() else depth_m


def image_fields(image: NDArray[Any], encoding: str) -> dict[str, Any]:
    """Compute the fields of sensor_msgs/Image but for the header, `data` as the (H, W[, C]) array itself.

    Raises:
        InputError: the array's shape or type does not fit the encoding.
    """
    layout = layout_of(encoding)
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim not in (2, 3) or channels != layout.channels or image.size == 0:
        raise InputError(
            f"{encoding} needs a non-empty (H, W, {layout.channels}) array, got shape {image.shape}"
        )
    if image.dtype.newbyteorder("=") != layout.dtype:
        raise InputError(f"{encoding} needs {layout.dtype.name} values, got {image.dtype.name}")
    height, width = image.shape[:2]
    step = width * layout.channels * layout.dtype.itemsize
    fields = {"height": height, "width": width, "encoding": encoding, "is_bigendian": int(BIG_ENDIAN_HOST)}
    return {**fields, "step": step, "data": in_host_order(image)}


def encode_image(image: NDArray[Any], encoding: str, header: Any) -> Any:
    """Encode an (H, W) or (H, W, C) array as sensor_msgs/Image (one copy). Raises InputError if it does not fit."""
    fields = image_fields(image, encoding)
    data = byte_array(fields.pop("data"))
    from sensor_msgs.msg import Image

    return with_data(Image, data, header=header, **fields)


class ImageEncoder:
    """Encoder of a stream: while size and encoding stay, all images share one message, without new buffers or checks.

    Publish (which serialises) one before encoding the next.
    """

    def __init__(self) -> None:
        self._layout: tuple[Any, ...] = ()
        self._message: Any = None
        self._values: NDArray[Any] = np.empty(0)  # view of the message's data

    def __call__(self, image: NDArray[Any], encoding: str, header: Any) -> Any:
        """Encode an (H, W) or (H, W, C) array. Raises InputError if it does not fit."""
        layout = (image.shape, image.dtype.str, encoding)
        if layout == self._layout:
            np.copyto(self._values, image)
            self._message.header = header
            return self._message
        self._message = encode_image(image, encoding, header)
        self._values = np.frombuffer(self._message.data, image.dtype.newbyteorder("=")).reshape(image.shape)
        self._layout = layout
        return self._message


def encode_depth(
    depth_m: Array,
    header: Any,
    encoding: str = "32FC1",
    encode: Callable[[NDArray[Any], str, Any], Any] = encode_image,
) -> Any:
    """Encode depth (H, W) in metres (NaN unknown) as 32FC1, or as 16UC1 in millimetres (0 unknown).

    What 16UC1 cannot hold (65.5355 m and beyond) is written as unknown. `encode` may be a stream's `ImageEncoder`.

    Raises:
        InputError: another encoding, or not an (H, W) float32 array.
    """
    if encoding not in ("32FC1", "16UC1"):
        raise InputError(f"depth image encoding is {encoding!r}, allowed: 32FC1, 16UC1")
    if encoding == "32FC1":
        return encode(depth_m, encoding, header)
    millimetres = np.rint(np.nan_to_num(depth_m, nan=0.0, posinf=0.0, neginf=0.0) / MILLIMETRE_M)
    millimetres[(millimetres < 0) | (millimetres > MAX_DEPTH_16U_MM)] = 0
    return encode(millimetres.astype(np.uint16), encoding, header)
