# SPDX-License-Identifier: Apache-2.0
"""Videos as a browser records them: Matroska without duration and frame rate, only each frame's time (RFC 9559)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def element(name: str, body: bytes) -> bytes:
    """An EBML element by its number in hexadecimal; the length takes eight bytes."""
    return bytes.fromhex(name) + (len(body) | 1 << 56).to_bytes(8, "big") + body


def number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def recorded(
    path: Path, images: Sequence[np.ndarray], times_ms: Sequence[int], shown: tuple[int, int] | None = None
) -> Path:
    """JPEG frames (H, W, 3) RGB at these times, to be shown with another width and height where one is given."""
    height, width = images[0].shape[:2]
    head = element("4282", b"matroska") + element("4287", number(4)) + element("4285", number(2))
    video = element("B0", number(width)) + element("BA", number(height))
    if shown is not None:
        video += element("54B0", number(shown[0])) + element("54BA", number(shown[1]))
    track = element("D7", number(1)) + element("73C5", number(1)) + element("83", number(1))
    track += element("86", b"V_MJPEG") + element("E0", video)
    blocks = b""
    for image, time_ms in zip(images, times_ms, strict=True):
        jpeg = io.BytesIO()
        Image.fromarray(image).save(jpeg, "JPEG", quality=95)
        blocks += element("A3", b"\x81" + time_ms.to_bytes(2, "big", signed=True) + b"\x80" + jpeg.getvalue())
    segment = element("1549A966", element("2AD7B1", number(10**6)))  # times are milliseconds
    segment += element("1654AE6B", element("AE", track)) + element(
        "1F43B675", element("E7", number(0)) + blocks
    )
    path.write_bytes(element("1A45DFA3", head) + element("18538067", segment))
    return path
