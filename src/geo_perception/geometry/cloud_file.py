# SPDX-License-Identifier: Apache-2.0
"""Coloured points of a depth image in a viewer's frame (x right, y up, camera looking along -z), and PLY text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Image
from geo_perception.errors import InputError

Array = NDArray[np.float64]

PLY_HEADER = """\
ply
format ascii 1.0
element vertex {count}
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
property uchar alpha
end_header
"""


def viewer_vertices(rgb: Image, depth_m: NDArray[np.float32], focal_px: float, cx: float, cy: float) -> Array:
    """Compute (N, 7) rows X Y Z R G B A of all pixels whose depth is not zero, in the order of the published demo.

    The demo mirrors the image and one focal length serves both axes: column u of the mirrored image gives
    X = (u - cx) Z / f with Z = -depth. Rows run from the top, columns from the right; alpha is 0; negative depth is
    kept, unknown depth (NaN) is left out.

    Raises:
        InputError: image and depth differ in size.
    """
    if rgb.shape[:2] != depth_m.shape:
        raise InputError(f"image is {rgb.shape[:2]}, depth is {depth_m.shape}: they must agree")
    z = -depth_m[:, ::-1].astype(np.float64)
    v, u = np.mgrid[0 : z.shape[0], 0 : z.shape[1]]
    xyz = np.stack(((u - cx) * z / focal_px, (v - cy) * z / focal_px, z), axis=-1)
    alpha = np.zeros((*z.shape, 1))
    rows = np.concatenate((xyz, rgb[:, ::-1].astype(np.float64), alpha), axis=-1)
    return np.asarray(rows[(z != 0) & ~np.isnan(z)])


def ply_text(vertices: Array) -> str:
    """Format (N, 7) vertices as ASCII PLY with six decimals."""
    lines = ("%.6f %.6f %.6f %d %d %d %d\n" % tuple(row) for row in vertices)  # noqa: UP031 - one C call a row
    return PLY_HEADER.format(count=len(vertices)) + "".join(lines)


def depth_from_distance(distance_m: NDArray[np.float32], focal_px: float) -> NDArray[np.float32]:
    """Convert (H, W) lengths of viewing rays to depth, principal point in the image's middle (Hypersim's format)."""
    height, width = distance_m.shape
    x = np.arange(width, dtype=np.float64) - (width - 1) / 2
    y = np.arange(height, dtype=np.float64)[:, None] - (height - 1) / 2
    depth_m = distance_m * focal_px / np.sqrt(x**2 + y**2 + focal_px**2)
    return np.asarray(depth_m, np.float32)
