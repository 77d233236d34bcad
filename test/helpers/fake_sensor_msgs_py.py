# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs_py.point_cloud2.read_points, as far as clouds with several values in a field need it."""

from __future__ import annotations

from typing import Any

import numpy as np

KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}


def read_points(cloud: Any) -> np.ndarray:
    """Structured array with one element a point; the values of a field `a` of several are named a_0, a_1 ..."""
    columns = []
    for field in cloud.fields:
        kind = np.dtype((">" if cloud.is_bigendian else "<") + KINDS[field.datatype])
        for index in range(field.count):
            name = f"{field.name}_{index}" if field.count > 1 else field.name
            columns.append((name, kind, field.offset + index * kind.itemsize))
    names, formats, offsets = zip(*columns, strict=True)
    layout = {"names": names, "formats": formats, "offsets": offsets, "itemsize": cloud.point_step}
    return np.ndarray(cloud.width * cloud.height, np.dtype(layout), bytes(cloud.data))
