# SPDX-License-Identifier: Apache-2.0
"""The camera of images that do not bring one: from a field of view, or from a calibration file of ROS."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from geo_perception.errors import ConfigError, DataError, InputError
from geo_perception.geometry import PinholeCamera

Image8 = NDArray[np.uint8]
Matrix = NDArray[np.float64]

HFOV_DEG = (10.0, 150.0)  # of lenses that a pinhole model describes
SAME_ASPECT = (
    0.01  # how far images may differ from the calibration's aspect and still be the same view, resized
)
MODELS = ("plumb_bob", "rational_polynomial")


class Lens(Protocol):
    """What is known of the camera that took some images."""

    def __call__(self, image: Image8, origin: str) -> tuple[Image8, PinholeCamera]:
        """The rectified image and its camera. Raises DataError, naming `origin`, for one it cannot have taken."""
        ...


@dataclass(frozen=True)
class FieldOfView:
    """A lens without distortion, centred, with square pixels."""

    horizontal_deg: float

    def __post_init__(self) -> None:
        low, high = HFOV_DEG
        if not low <= self.horizontal_deg <= high:
            raise ConfigError(f"hfov must be {low:g} to {high:g} degrees, got {self.horizontal_deg:g}")

    def __call__(self, image: Image8, origin: str) -> tuple[Image8, PinholeCamera]:
        """See `Lens`."""
        height, width = image.shape[:2]
        focal = width / 2 / math.tan(math.radians(self.horizontal_deg) / 2)
        return image, PinholeCamera(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)


@dataclass(frozen=True)
class Calibration:
    """A file as ROS's camera calibration writes it. Images are rectified where the lens distorts."""

    path: Path
    size: tuple[int, int]  # width, height
    K: Matrix  # 3x3 of the image as taken
    d: Matrix  # distortion coefficients
    R: Matrix  # 3x3 rectification
    P: Matrix  # 3x4 of the rectified image
    _maps: dict[tuple[int, int], Any] = field(default_factory=dict, compare=False)

    @property
    def distorts(self) -> bool:
        """Whether rectifying changes anything."""
        same = np.allclose(self.P[:, :3], self.K) and np.allclose(self.R, np.eye(3))
        return bool(self.d.any()) or not same

    def __call__(self, image: Image8, origin: str) -> tuple[Image8, PinholeCamera]:
        """See `Lens`. Images of another resolution and the same aspect are taken as the same view."""
        height, width = image.shape[:2]
        if abs(width * self.size[1] / (height * self.size[0]) - 1) > SAME_ASPECT:
            raise DataError(
                f"{origin} is {width}x{height}, the camera of {self.path} {self.size[0]}x{self.size[1]}: "
                "another aspect"
            )
        camera = PinholeCamera.from_info(self.P, *self.size).scaled(width, height)
        if not self.distorts:
            return image, camera
        if (width, height) not in self._maps:
            taken = PinholeCamera.from_info(self.K, *self.size).scaled(width, height)
            self._maps[width, height] = cv2.initUndistortRectifyMap(
                taken.K, self.d, self.R, camera.K, (width, height), cv2.CV_32FC1
            )
        columns, rows = self._maps[width, height]
        return np.asarray(cv2.remap(image, columns, rows, cv2.INTER_LINEAR), np.uint8), camera


def read_calibration(path: Path) -> Calibration:
    """The calibration of a camera_info YAML file.

    Raises:
        DataError: missing, no YAML, an entry is missing or malformed, or a lens model other than MODELS.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"camera file {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"camera file {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise DataError(f"camera file {path} must hold image_width, image_height, camera_matrix and so on")
    model = values.get("distortion_model", MODELS[0])
    if model not in MODELS:
        raise DataError(f"camera file {path}: distortion_model {model!r} is not one of {', '.join(MODELS)}")
    K = _matrix(values, "camera_matrix", (3, 3), path)
    found = Calibration(
        path,
        (_side(values, "image_width", path), _side(values, "image_height", path)),
        K,
        _matrix(values, "distortion_coefficients", (-1,), path, np.zeros(5)),
        _matrix(values, "rectification_matrix", (3, 3), path, np.eye(3)),
        _matrix(values, "projection_matrix", (3, 4), path, np.column_stack((K, np.zeros(3)))),
    )
    try:
        for matrix in (found.K, found.P):
            PinholeCamera.from_info(matrix, *found.size)
    except InputError as error:
        raise DataError(f"camera file {path}: {error}") from error
    return found


def _side(values: Mapping[str, Any], name: str, path: Path) -> int:
    value = values.get(name)
    if not isinstance(value, int) or value < 1:
        raise DataError(f"camera file {path}: {name} must be a positive number of pixels, got {value!r}")
    return value


def _matrix(
    values: Mapping[str, Any], name: str, shape: tuple[int, ...], path: Path, default: Matrix | None = None
) -> Matrix:
    entry = values.get(name)
    if entry is None and default is not None:
        return default
    data = entry.get("data") if isinstance(entry, dict) else entry
    try:
        matrix = np.array(data, np.float64).reshape(shape)
    except (TypeError, ValueError) as error:
        raise DataError(f"camera file {path}: {name} must hold {shape} numbers, got {data!r}") from error
    if not np.isfinite(matrix).all():
        raise DataError(f"camera file {path}: {name} holds numbers that are not finite")
    return matrix
