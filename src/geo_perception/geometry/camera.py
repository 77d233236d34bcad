# SPDX-License-Identifier: Apache-2.0
"""Rectified pinhole cameras and stereo pairs (REP 103 optical frame: x right, y down, z forward)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.errors import InputError
from geo_perception.geometry.intrinsics import checked_matrix
from geo_perception.geometry.rectification import Rectification


@dataclass(frozen=True)
class PinholeCamera:
    """A distortion-free camera. Focal lengths and principal point in pixels, pixel centres at integers."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    rectification: Rectification | None = field(default=None, compare=False, repr=False)  # of its image
    whole: PinholeCamera | None = field(default=None, compare=False, repr=False)  # what it is a crop of

    def __post_init__(self) -> None:
        values = (self.fx, self.fy, self.cx, self.cy)
        if not np.isfinite(values).all() or self.fx <= 0 or self.fy <= 0:
            raise InputError(f"camera needs finite cx, cy and fx, fy > 0, got fx, fy, cx, cy = {values}")
        if self.width <= 0 or self.height <= 0:
            raise InputError(f"camera needs a positive size, got {self.width}x{self.height}")

    @classmethod
    def from_info(cls, K: Sequence[float] | NDArray[np.float64], width: int, height: int) -> PinholeCamera:
        """Make a camera of a row-major 3x3 `K` (9 values) or 3x4 `P` (12 values), as in sensor_msgs/CameraInfo.

        Raises:
            InputError: wrong number of values, not finite, no camera matrix (transposed, last row not 0 0 1), or a
                focal length that is not positive.
        """
        rows = checked_matrix(K)
        fx, fy, cx, cy = (float(v) for v in (rows[0, 0], rows[1, 1], rows[0, 2], rows[1, 2]))
        return cls(fx, fy, cx, cy, int(width), int(height))

    @property
    def K(self) -> NDArray[np.float64]:
        """3x3 intrinsic matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], np.float64)

    @property
    def size(self) -> tuple[int, int]:
        """Shape (height, width) of an image of this camera."""
        return self.height, self.width

    def scaled(self, width: int, height: int) -> PinholeCamera:
        """Return the camera of the same view resized to width x height (pixel centres at integers)."""
        sx, sy = width / self.width, height / self.height
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        whole = self.whole
        if whole is not None:
            whole = whole.scaled(max(1, round(whole.width * sx)), max(1, round(whole.height * sy)))
        return PinholeCamera(self.fx * sx, self.fy * sy, cx, cy, width, height, self.rectification, whole)

    def cropped(self, left: int, top: int, width: int, height: int) -> PinholeCamera:
        """Return the camera of a crop whose first pixel is column `left`, row `top`.

        Raises:
            InputError: the crop leaves the image.
        """
        if left < 0 or top < 0 or left + width > self.width or top + height > self.height:
            raise InputError(
                f"crop {width}x{height}+{left}+{top} leaves the {self.width}x{self.height} image"
            )
        cx, cy, whole = self.cx - left, self.cy - top, self.whole or self
        return replace(self, cx=cx, cy=cy, width=width, height=height, whole=whole)

    @property
    def pixels(self) -> dict[str, float]:
        """Return fx, fy, cx, cy, width and height by name."""
        names = ("fx", "fy", "cx", "cy", "width", "height")
        return {name: getattr(self, name) for name in names}

    @cached_property
    def outside(self) -> NDArray[np.bool_] | None:
        """Mask (H, W), True where the image as taken has no pixel for the rectified one; None without such places."""
        if self.rectification is None:
            return None
        outside = self.rectification.outside(self.K, self.width, self.height)
        return outside if outside.any() else None

    @cached_property
    def rays(self) -> Array:
        """Viewing rays (H, W, 3) with z = 1; computed once per camera, read-only."""
        u = (np.arange(self.width, dtype=np.float32) - self.cx) / self.fx
        v = (np.arange(self.height, dtype=np.float32) - self.cy) / self.fy
        rays = np.empty((self.height, self.width, 3), np.float32)
        rays[..., 0], rays[..., 1], rays[..., 2] = u, v[:, None], 1.0
        rays.flags.writeable = False
        return rays


@dataclass(frozen=True)
class StereoRig:
    """A rectified pair; the right camera stands `baseline_m` along +x of the left one, intrinsics shared."""

    left: PinholeCamera
    baseline_m: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.baseline_m) or self.baseline_m <= 0:
            raise InputError(
                f"stereo baseline must be positive metres, got {self.baseline_m} (left and right swapped?)"
            )

    @property
    def focal_baseline(self) -> float:
        """Product fx * baseline in px·m, which is depth times disparity."""
        return self.left.fx * self.baseline_m

    def depth_from_disparity(self, disparity_px: Array) -> Array:
        """Compute Z = f B / d of any shape, metres; disparities that are not positive give NaN."""
        return self._reciprocal(disparity_px)

    def disparity_from_depth(self, depth_m: Array) -> Array:
        """Compute d = f B / Z of any shape, pixels; depths that are not positive give NaN."""
        return self._reciprocal(depth_m)

    def _reciprocal(self, values: Array) -> Array:
        values = np.asarray(values, np.float32)
        out = np.full(values.shape, np.nan, np.float32)
        np.divide(np.float32(self.focal_baseline), values, out=out, where=values > 0)
        return out
