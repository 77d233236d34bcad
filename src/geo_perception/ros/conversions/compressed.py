# SPDX-License-Identifier: Apache-2.0
"""Decoder of sensor_msgs/CompressedImage as image_transport's `compressed` and `compressedDepth` plugins write it."""

from __future__ import annotations

import re
import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import InputError
from geo_perception.ros.conversions.buffers import bytes_of

ENCODINGS = {  # (type, channels) of what OpenCV decodes -> the name of the same pixels
    ("uint8", 1): "mono8",
    ("uint8", 3): "bgr8",
    ("uint8", 4): "bgra8",
    ("uint16", 1): "mono16",
    ("uint16", 3): "bgr16",
    ("uint16", 4): "bgra16",
}
MOSAIC = re.compile(
    r"\s*(bayer_(?:rggb|bggr|gbrg|grbg))(?:8|16)\b", re.IGNORECASE
)  # image_transport puts it first
BITS = {"uint8": 8, "uint16": 16}  # JPEG keeps 8 of a 16-bit mosaic
DEPTH_HEADER = struct.Struct("<iff")  # kind, quantisation A and B, in front of the PNG of `compressedDepth`


def decode_compressed(msg: Any) -> tuple[NDArray[Any], str]:
    """Decode to (H, W) or (H, W, C) and its encoding: mono, bgr, bgra or bayer; for depth 16UC1 (mm) or 32FC1 (m).

    One channel of a format that begins with a mosaic's name is that mosaic. Depth of 32FC1 was written as
    A / depth + B in 16 bits, so it comes back rounded; 0 is unknown, NaN here.

    Raises:
        InputError: the data are no JPEG or PNG that OpenCV reads (RVL is not), or end too early.
    """
    if "compressedDepth" in msg.format:
        return _depth(msg)
    pixels = _decoded(msg, bytes_of(msg))
    kind = (pixels.dtype.name, pixels.shape[2] if pixels.ndim == 3 else 1)
    if msg.format.startswith("16UC1") and kind == ("uint16", 1):
        return pixels, "16UC1"
    mosaic = MOSAIC.match(msg.format)
    if mosaic and kind[1] == 1 and kind[0] in BITS:
        return pixels, f"{mosaic[1].lower()}{BITS[kind[0]]}"
    if kind not in ENCODINGS:
        raise InputError(f"compressed image of format {msg.format!r} holds {kind[1]} channels of {kind[0]}")
    return pixels, ENCODINGS[kind]


def _depth(msg: Any) -> tuple[NDArray[Any], str]:
    data = bytes_of(msg)
    if data.size <= DEPTH_HEADER.size:
        raise InputError(f"compressed depth of {data.size} bytes ends before its image")
    _, a, b = DEPTH_HEADER.unpack(data[: DEPTH_HEADER.size].tobytes())
    values = _decoded(msg, data[DEPTH_HEADER.size :])
    if values.dtype != np.uint16 or values.ndim != 2:
        raise InputError(f"compressed depth must hold 16-bit values, got {values.dtype.name} {values.shape}")
    if not msg.format.startswith("32FC1"):
        return values, "16UC1"
    with np.errstate(divide="ignore", invalid="ignore"):
        depth_m = np.float32(a) / (values - np.float32(b))
    return np.where(values == 0, np.float32(np.nan), depth_m), "32FC1"


def _decoded(msg: Any, data: NDArray[np.uint8]) -> NDArray[Any]:
    try:
        pixels = cv2.imdecode(np.ascontiguousarray(data), cv2.IMREAD_UNCHANGED) if data.size else None
    except cv2.error as error:
        raise InputError(
            f"compressed image of format {msg.format!r} cannot be decoded: {error.err}"
        ) from error
    if pixels is None:
        raise InputError(
            f"compressed image of format {msg.format!r}, {data.size} bytes, cannot be decoded: JPEG and PNG are"
        )
    return np.asarray(pixels)
