# SPDX-License-Identifier: Apache-2.0
"""Messages as plain namespaces, so that decoders can be fed layouts no encoder of ours would write."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

DATATYPE = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 8}


def header(stamp_ns: int = 0, frame_id: str = "camera") -> SimpleNamespace:
    stamp = SimpleNamespace(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return SimpleNamespace(stamp=stamp, frame_id=frame_id)


def image(pixels: np.ndarray, encoding: str, padding: int = 0, big_endian: bool = False) -> SimpleNamespace:
    """An Image of (H, W[, C]) pixels with `padding` junk bytes after every row."""
    height, width = pixels.shape[:2]
    rows = pixels.astype(pixels.dtype.newbyteorder(">" if big_endian else "<"))
    rows = np.ascontiguousarray(rows).reshape(height, -1).view(np.uint8)
    padded = np.full((height, rows.shape[1] + padding), 0xA5, np.uint8)
    padded[:, : rows.shape[1]] = rows
    size = {"height": height, "width": width, "step": padded.shape[1]}
    return SimpleNamespace(
        header=header(), encoding=encoding, is_bigendian=int(big_endian), data=padded.tobytes(), **size
    )


def field(name: str, offset: int, kind: str, count: int = 1) -> SimpleNamespace:
    return SimpleNamespace(name=name, offset=offset, datatype=DATATYPE[kind], count=count)


def cloud(
    columns: dict[str, np.ndarray],
    layout: list[tuple[str, str, int]],
    shape: tuple[int, int],
    padding: tuple[int, int] = (0, 0),
    big_endian: bool = False,
) -> SimpleNamespace:
    """A PointCloud2 of (H, W) columns; `layout` lists (field, type, bytes left empty before it) in order."""
    tail, row_padding = padding  # empty bytes after every point and after every row
    order = ">" if big_endian else "<"
    fields, offset = [], 0
    for name, kind, gap in layout:
        fields.append(field(name, offset + gap, kind))
        offset += gap + np.dtype(kind).itemsize
    step = offset + tail
    kinds = [np.dtype(kind).newbyteorder(order) for _, kind, _ in layout]
    record = np.dtype(
        {
            "names": [f.name for f in fields],
            "formats": kinds,
            "offsets": [f.offset for f in fields],
            "itemsize": step,
        }
    )
    points = np.zeros(shape, record)
    for f in fields:
        points[f.name] = columns[f.name].reshape(shape)
    rows = np.full((shape[0], shape[1] * step + row_padding), 0x5A, np.uint8)
    rows[:, : shape[1] * step] = np.frombuffer(points.tobytes(), np.uint8).reshape(shape[0], shape[1] * step)
    size = {"height": shape[0], "width": shape[1], "point_step": step, "row_step": rows.shape[1]}
    return SimpleNamespace(
        header=header(), fields=fields, is_bigendian=big_endian, is_dense=False, data=rows.tobytes(), **size
    )


def info(P: list[float], width: int, height: int, **changes: Any) -> SimpleNamespace:
    """A CameraInfo whose K is the left of P; binning and region of interest off unless given."""
    rows = np.asarray(P, float).reshape(3, 4)
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False)
    lens = {"d": np.zeros(5), "r": np.eye(3).reshape(9), "distortion_model": "plumb_bob"}
    base = {
        "k": rows[:, :3].reshape(9),
        "p": rows.reshape(12),
        "binning_x": 0,
        "binning_y": 0,
        "roi": roi,
        **lens,
    }
    return SimpleNamespace(**{"header": header(), "width": width, "height": height, **base, **changes})
