# SPDX-License-Identifier: Apache-2.0
"""Lens distortion: models as ROS and OpenCV name them, and rectification to images of a pinhole camera.

Models: Brown's radial and tangential terms, with OpenCV's rational, thin-prism and tilt terms behind them
(docs.opencv.org, "Camera Calibration and 3D Reconstruction"), and Kannala and Brandt's equidistant one (PAMI 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from geo_perception._types import Array, Mask, Matrix
from geo_perception.errors import InputError
from geo_perception.geometry.se3 import is_rotation

BROWN = (
    "plumb_bob",
    "rational_polynomial",
    "thin_prism",
    "radtan",
    "brown_conrady",
    "modified_brown_conrady",
)
EQUIDISTANT = ("equidistant", "fisheye", "kannala_brandt", "kannala_brandt4")
NONE = ("none", "")
MODELS = (*BROWN, *EQUIDISTANT, NONE[0])

BROWN_COUNTS = (4, 5, 8, 12, 14)  # k1 k2 p1 p2, k3, k4 k5 k6, s1 s2 s3 s4, tx ty
RADIAL_COUNT = 2  # k1 k2 are the same terms in every order; a third would be p1 to one and k3 to another
EQUIDISTANT_COUNTS = (1, 2, 3, 4)  # k1 k2 k3 k4
FEWEST = 4  # that OpenCV takes
NOWHERE = np.float32(-1e4)  # a place outside every image


@dataclass(frozen=True)
class LensModel:
    """A model of distortion with as many coefficients as OpenCV takes."""

    equidistant: bool
    coefficients: tuple[float, ...]

    @classmethod
    def of(cls, model: str, values: Sequence[float] | Matrix) -> LensModel:
        """Make a model of its name and coefficients, of which any number of zeros may be missing at the end.

        Raises:
            InputError: unknown model, coefficients that are not finite, or a count that the model does not have.
        """
        d = [float(value) for value in np.asarray(values, np.float64).reshape(-1)]
        if not np.isfinite(d).all():
            raise InputError(f"distortion coefficients must be finite, got {d}")
        used = max((i + 1 for i, value in enumerate(d) if value), default=0)
        name = model.strip().lower()
        if name in NONE and not used:
            return cls(False, (0.0,) * BROWN_COUNTS[0])
        if name in BROWN:
            return cls(False, _padded(model, d, used, (RADIAL_COUNT, *BROWN_COUNTS)))
        if name in EQUIDISTANT:
            return cls(True, _padded(model, d, used, EQUIDISTANT_COUNTS))
        if name in NONE:
            raise InputError(f"{len(d)} distortion coefficients {d} need a model, got {model!r}")
        raise InputError(f"distortion_model {model!r} is not one of {', '.join(MODELS)}")

    @property
    def model(self) -> str:
        """Name of the model in sensor_msgs/CameraInfo."""
        if self.equidistant:
            return EQUIDISTANT[0]
        return BROWN[0] if len(self.coefficients) <= BROWN_COUNTS[1] else BROWN[1]

    @property
    def distorts(self) -> bool:
        """True unless the lens is a pinhole; an equidistant lens never is."""
        return self.equidistant or any(self.coefficients)


def _padded(model: str, d: list[float], used: int, counts: tuple[int, ...]) -> tuple[float, ...]:
    """Pad coefficients to a count that OpenCV takes: their own, or the smallest that holds all but trailing zeros."""
    fits = len(d) in counts or used <= RADIAL_COUNT or used in counts
    if not fits or used > counts[-1]:
        allowed = ", ".join(map(str, counts))
        raise InputError(f"{model} has {allowed} distortion coefficients, got {len(d)}: {d}")
    wanted = len(d) if len(d) in counts else used
    size = next(count for count in counts if count >= max(wanted, FEWEST))
    return tuple((d + [0.0] * size)[:size])


@dataclass(frozen=True)
class Rectification:
    """Mapping from an image as taken to that of a pinhole camera."""

    K: tuple[float, ...]  # row-major 3x3 of the image as taken
    lens: LensModel
    R: tuple[float, ...]  # row-major 3x3, turns the taken view into the rectified one
    size: tuple[int, int]  # width, height of the image as taken

    def __post_init__(self) -> None:
        R = np.reshape(self.R, (3, 3))
        if not np.isfinite(R).all() or not is_rotation(R):
            raise InputError(f"rectification matrix must be a rotation, got {[float(v) for v in self.R]}")

    def maps(self, K: Matrix, width: int, height: int) -> tuple[Array, Array]:
        """Compute the source of each pixel of the rectified camera `K`: columns and rows, (H, W) each.

        Where the model folds back on itself, as polynomials do beyond the field they were fitted to, the source is
        outside every image.

        Raises:
            InputError: OpenCV cannot compute them.
        """
        undistort = (
            cv2.fisheye.initUndistortRectifyMap if self.lens.equidistant else cv2.initUndistortRectifyMap
        )
        d, R, taken = (np.array(v) for v in (self.lens.coefficients, self.R, self.K))
        try:
            columns, rows = undistort(
                taken.reshape(3, 3), d, R.reshape(3, 3), K, (width, height), cv2.CV_32FC1
            )
        except cv2.error as error:
            raise InputError(
                f"rectification by {self.lens} to {width}x{height} failed: {error.err}"
            ) from error
        bad = ~(np.isfinite(columns) & np.isfinite(rows)) | _folded(columns, rows)
        columns[bad] = rows[bad] = NOWHERE
        return np.clip(columns, NOWHERE, -NOWHERE), np.clip(rows, NOWHERE, -NOWHERE)

    def outside(self, K: Matrix, width: int, height: int) -> Mask:
        """Compute the mask (H, W), True where the rectified camera `K` sees what the image as taken does not show."""
        columns, rows = self.maps(K, width, height)
        inside = (columns >= 0) & (columns <= self.size[0] - 1) & (rows >= 0) & (rows <= self.size[1] - 1)
        return ~inside


def _folded(columns: Array, rows: Array) -> Mask:
    """Find where the mapping between both images is folded, i.e. changes orientation."""
    if min(columns.shape) < 2:
        return np.zeros(columns.shape, np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        (x_v, x_u), (y_v, y_u) = np.gradient(columns), np.gradient(rows)
        return np.asarray(x_u * y_v - x_v * y_u <= 0, np.bool_)
