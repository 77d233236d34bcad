# SPDX-License-Identifier: Apache-2.0
"""Decoder, by sensor_msgs_py, of clouds whose coordinates are no single values, such as one field `xyz` of three."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.errors import InputError
from geo_perception.ros.conversions.buffers import byte_array

BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 8: 8}  # of sensor_msgs/PointField's datatypes
VECTORS = ("xyz", "position", "point", "points")  # names under which three coordinates are found in one field


def is_unusual(msg: Any) -> bool:
    """Return whether x, y, z lie in fields of several values, which a plain view cannot give."""
    several = {field.name for field in msg.fields if field.count > 1}
    return bool(several & (set("xyz") if _has_axes(msg) else set(VECTORS)))


def _has_axes(msg: Any) -> bool:
    return {"x", "y", "z"} <= {field.name for field in msg.fields}


def decode_unusual(msg: Any, data: NDArray[np.uint8]) -> Array:
    """Decode a cloud that `is_unusual` to (N, 4) float32 x, y, z in metres and intensity (0 if there is none).

    Args:
        msg: sensor_msgs/PointCloud2 whose steps and length agree.
        data: its payload, rows possibly padded.

    Raises:
        InputError: sensor_msgs_py is not installed, cannot read it, or finds no coordinates.
    """
    try:
        from sensor_msgs_py.point_cloud2 import read_points
    except ImportError as error:
        raise InputError(
            "a point cloud with several values in a coordinate's field needs sensor_msgs_py "
            "(apt install ros-jazzy-sensor-msgs-py); without it x, y, z must be fields of one value each"
        ) from error
    _check_fields(msg)
    try:
        points = read_points(_compact(msg, data))
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"sensor_msgs_py cannot read this point cloud: {error}") from error
    return _columns(points)


def _compact(msg: Any, data: NDArray[np.uint8]) -> Any:
    """Copy the cloud to a real message without padding between its rows, which read_points does not support."""
    from sensor_msgs.msg import PointCloud2, PointField

    step = msg.width * msg.point_step
    rows = data.reshape(msg.height, msg.row_step)[:, :step]
    fields = [
        PointField(name=f.name, offset=int(f.offset), datatype=int(f.datatype), count=max(1, int(f.count)))
        for f in msg.fields
    ]
    cloud = PointCloud2(height=msg.height, width=msg.width, point_step=msg.point_step, row_step=step)
    cloud.fields, cloud.is_bigendian, cloud.data = fields, bool(msg.is_bigendian), byte_array(rows)
    return cloud


def _check_fields(msg: Any) -> None:
    """Raise InputError for a field outside its point: read_points would go through all of a field's values."""
    for field in msg.fields:
        if (
            field.datatype not in BYTES
            or field.offset + max(1, field.count) * BYTES[field.datatype] > msg.point_step
        ):
            raise InputError(
                f"point field {field.name!r} has {field.count} values of datatype {field.datatype} at byte "
                f"{field.offset}, allowed: datatypes 1..8 inside the point's {msg.point_step} bytes"
            )


def _columns(points: Any) -> Array:
    """Collect coordinates and intensity of a structured array; names of fields of several values end in _0, _1 ..."""
    names = set(points.dtype.names)
    axes = [axis if axis in names else f"{axis}_0" for axis in "xyz"]
    vector = next((v for v in VECTORS if {f"{v}_{i}" for i in range(3)} <= names), None)
    if not names.issuperset(axes):
        if vector is None:
            said = ", ".join(points.dtype.names)
            raise InputError(
                f"point cloud needs fields x, y, z or three values in one of {VECTORS}, got {said}"
            )
        axes = [f"{vector}_{i}" for i in range(3)]
    out = np.zeros((len(points), 4), np.float32)
    for column, name in enumerate(axes):
        out[:, column] = points[name]
    intensity = next((name for name in ("intensity", "intensity_0") if name in names), None)
    if intensity is not None:
        out[:, 3] = points[intensity]
    return out
