# SPDX-License-Identifier: Apache-2.0
"""Conversion of sensor_msgs/PointCloud2 to NumPy and back: any field layout in, two fixed layouts out."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Image
from geo_perception.errors import InputError
from geo_perception.geometry import PinholeCamera
from geo_perception.ros.conversions.buffers import BIG_ENDIAN_HOST, byte_array, bytes_of, with_data, zeroed
from geo_perception.ros.conversions.unusual_clouds import decode_unusual, is_unusual

# sensor_msgs/PointField datatype -> numpy; 7 and 8 are FLOAT32 and FLOAT64
DATATYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
FLOAT32 = 7
XYZI = ("x", "y", "z", "intensity")
XYZRGB = ("x", "y", "z", "rgb")
POINT_STEP = 16  # four float32
BLOCK_ROWS = 94  # rows encoded at a time, so that the working set stays in a core's cache
COLOUR_BITS = 0x00FFFFFF  # alpha stays 0: with 255 the packed float is NaN and readers drop the point


def decode_points(msg: Any) -> Array:
    """Decode to (N, 4) float32 x, y, z in metres and intensity as sent (0 if the cloud has none).

    The result is a view if the four are consecutive float32 in this machine's byte order; else one copy.

    Raises:
        InputError: no x, y, z, an unknown data type, a field outside the point, or steps and data length
            that disagree; or several values in a coordinate's field, and no sensor_msgs_py to read them.
    """
    data = _checked_bytes(msg)
    if is_unusual(msg):
        return decode_unusual(msg, data)
    fields = [_field(msg, name) for name in XYZI[:3]]
    if any(field.name == "intensity" and field.count < 2 for field in msg.fields):
        fields.append(_field(msg, "intensity"))
    if _is_float_quad(fields, msg):
        view = _strided(msg, data, fields[0].offset, np.dtype("f4"), 4)
        return view.reshape(-1, 4)  # rows without padding join without a copy
    out = np.zeros((msg.height, msg.width, 4), np.float32)
    for column, field in enumerate(fields):
        out[..., column] = _strided(msg, data, field.offset, _dtype(field, msg))[..., 0]
    return out.reshape(-1, 4)


def _strided(msg: Any, data: Image, offset: int, dtype: np.dtype[Any], lanes: int = 1) -> NDArray[Any]:
    """View as (H, W, lanes) the consecutive values that start `offset` bytes into every point."""
    shape = (msg.height, msg.width, lanes)
    if not msg.width * msg.height:
        return np.empty(shape, dtype)
    strides = (msg.row_step, msg.point_step, dtype.itemsize)
    view: NDArray[Any] = np.ndarray(shape, dtype, data, offset, strides)
    return view


def _is_float_quad(fields: list[Any], msg: Any) -> bool:
    start = fields[0].offset
    native = bool(msg.is_bigendian) == BIG_ENDIAN_HOST
    consecutive = [field.offset for field in fields] == [start, start + 4, start + 8, start + 12]
    return native and consecutive and all(field.datatype == FLOAT32 for field in fields)


def _dtype(field: Any, msg: Any) -> np.dtype[Any]:
    order = ">" if msg.is_bigendian else "<"
    return np.dtype(order + DATATYPES[field.datatype])


def _field(msg: Any, name: str) -> Any:
    """Return the field of that name after checking that its type is known and that it lies inside a point."""
    field = next((field for field in msg.fields if field.name == name), None)
    if field is None:
        names = ", ".join(field.name for field in msg.fields) or "none"
        raise InputError(f"point cloud needs fields x, y, z, got {names}")
    if field.datatype not in DATATYPES or field.count not in (0, 1):  # 0 is how older drivers write 1
        raise InputError(
            f"point field {name!r} has datatype {field.datatype} x {field.count}, allowed: one value of 1..8 "
            "(int8 .. float64)"
        )
    end = field.offset + np.dtype(DATATYPES[field.datatype]).itemsize
    if end > msg.point_step:
        raise InputError(f"point field {name!r} ends at byte {end}, point_step is {msg.point_step}")
    return field


def _checked_bytes(msg: Any) -> Image:
    """Return the payload after checking that point_step, row_step and length agree."""
    if msg.point_step < 1:
        raise InputError(f"point_step must be positive, got {msg.point_step}")
    if msg.row_step < msg.width * msg.point_step:
        needed = msg.width * msg.point_step
        raise InputError(
            f"row_step is {msg.row_step}, {msg.width} points of {msg.point_step} bytes need {needed}"
        )
    data = bytes_of(msg)
    if data.size != msg.row_step * msg.height:
        needed = msg.row_step * msg.height
        raise InputError(
            f"cloud data is {data.size} bytes, row_step {msg.row_step} x height {msg.height} needs {needed}"
        )
    return data


def cloud_fields(names: tuple[str, ...], height: int, width: int, point_field: Any) -> dict[str, Any]:
    """Compute the fields of a PointCloud2 of float32 values, but for header and data."""
    fields = [point_field(name=name, offset=4 * i, datatype=FLOAT32, count=1) for i, name in enumerate(names)]
    step = 4 * len(names)
    size = {"height": height, "width": width, "point_step": step, "row_step": step * width}
    return {**size, "fields": fields, "is_bigendian": BIG_ENDIAN_HOST}


def encode_points(points: Array, header: Any) -> Any:
    """Encode (N, 4) points as sensor_msgs/PointCloud2 (unorganised, x y z intensity float32).

    Raises:
        InputError: not an (N, 4) array.
    """
    if points.ndim != 2 or points.shape[1] != len(XYZI):
        raise InputError(f"points must be (N, 4): x, y, z, intensity, got shape {points.shape}")
    from sensor_msgs.msg import PointCloud2, PointField

    points = np.asarray(points, np.float32)
    fields = cloud_fields(XYZI, 1, len(points), PointField)
    dense = bool(np.isfinite(points).all())
    return with_data(PointCloud2, byte_array(points), header=header, **fields, is_dense=dense)


class DepthCloudEncoder:
    """Encoder of depth and colour images of one camera to organised XYZRGB clouds, at about the cost of a copy.

    All clouds of one encoder share one buffer: publish (which serialises) one before encoding the next.
    """

    def __init__(self, camera: PinholeCamera) -> None:
        from sensor_msgs.msg import PointCloud2, PointField

        self.camera = camera
        height, width = camera.size
        self._message = PointCloud2
        self._fields = cloud_fields(XYZRGB, height, width, PointField)
        self._data = zeroed(height * width * POINT_STEP)
        self._cloud = np.frombuffer(self._data, np.float32).reshape(height, width, 4)
        self._ray_x, self._ray_y = camera.rays[0, :, 0].copy(), camera.rays[:, :1, 1].copy()
        rows = min(BLOCK_ROWS, height)
        self._x, self._y = np.empty((rows, width), np.float32), np.empty((rows, width), np.float32)
        self._bgra = np.zeros((rows, width, 4), np.uint8)

    def __call__(self, depth_m: Array, rgb: Image, header: Any) -> Any:
        """Encode a sensor_msgs/PointCloud2 of x, y, z, rgb (packed as PCL and RViz expect), NaN where unknown.

        Args:
            depth_m: (H, W) float32 of the camera's size.
            rgb: (H, W, 3) uint8.
            header: its frame must be the camera's optical frame.

        Raises:
            InputError: a shape or type differs.
        """
        size = self.camera.size
        if depth_m.shape != size or depth_m.dtype != np.float32:
            raise InputError(f"depth must be float32 {size}, got {depth_m.dtype} {depth_m.shape}")
        if rgb.shape != (*size, 3) or rgb.dtype != np.uint8:
            raise InputError(f"colour must be uint8 {(*size, 3)}, got {rgb.dtype} {rgb.shape}")
        for start in range(0, size[0], BLOCK_ROWS):
            self._encode_rows(slice(start, min(start + BLOCK_ROWS, size[0])), depth_m, rgb)
        return with_data(self._message, self._data, header=header, **self._fields, is_dense=False)

    def _encode_rows(self, rows: slice, depth_m: Array, rgb: Image) -> None:
        count = rows.stop - rows.start
        x, y, bgra, depth_m = self._x[:count], self._y[:count], self._bgra[:count], depth_m[rows]
        np.multiply(depth_m, self._ray_x, out=x)
        np.multiply(depth_m, self._ray_y[rows], out=y)
        cv2.cvtColor(rgb[rows], cv2.COLOR_RGB2BGRA, dst=bgra)
        packed = bgra.view(np.uint32)[..., 0]
        np.bitwise_and(packed, COLOUR_BITS, out=packed)
        cv2.merge((x, y, depth_m, packed.view(np.float32)), dst=self._cloud[rows])


def encode_depth_cloud(depth_m: Array, rgb: Image, camera: PinholeCamera, header: Any) -> Any:
    """Encode one organised XYZRGB cloud with its own buffer; for a stream use `DepthCloudEncoder`."""
    return DepthCloudEncoder(camera)(depth_m, rgb, header)
