# SPDX-License-Identifier: Apache-2.0
"""Cameras for images that come without one: from a field of view, or from a calibration file of ROS."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import yaml

from geo_perception._types import Image, Matrix
from geo_perception.datasets.rgbd.calibration_files import read_calibration_file
from geo_perception.datasets.rgbd.stated_camera import is_resized
from geo_perception.errors import ConfigError, DataError, InputError
from geo_perception.geometry import PinholeCamera
from geo_perception.geometry.plausibility import check_possible, doubts, report_doubts
from geo_perception.geometry.rectification import BROWN, LensModel, Rectification

HFOV_DEG = (10.0, 150.0)  # of lenses that a pinhole model describes
LEAST_SHOWN = 0.3  # share of a rectified image; wrong coefficients leave less
OTHER_SUFFIXES = (".json", ".txt", ".csv", ".pincam")
MOST_PX = 2**15 - 1  # a side that OpenCV can remap


class Lens(Protocol):
    """Source of the camera that took some images."""

    def __call__(self, image: Image, origin: str) -> tuple[Image, PinholeCamera]:
        """Rectify an image (H, W, 3) and return it with its camera.

        Raises:
            DataError: the camera cannot have taken the image; names `origin`.
        """
        ...


@dataclass(frozen=True)
class FieldOfView:
    """A lens without distortion, centred, with square pixels."""

    horizontal_deg: float

    def __post_init__(self) -> None:
        low, high = HFOV_DEG
        if not low <= self.horizontal_deg <= high:
            raise ConfigError(f"hfov must be {low:g} to {high:g} degrees, got {self.horizontal_deg:g}")

    def __call__(self, image: Image, origin: str) -> tuple[Image, PinholeCamera]:
        """Return the image (H, W, 3) unchanged, and its camera."""
        height, width = image.shape[:2]
        focal = width / 2 / math.tan(math.radians(self.horizontal_deg) / 2)
        return image, PinholeCamera(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)


@dataclass(frozen=True)
class CalibrationFile:
    """Camera of a file as ROS's camera calibration writes it. Images are rectified where the lens distorts."""

    path: Path
    camera: PinholeCamera  # of the rectified image
    _maps: dict[tuple[int, int], tuple[PinholeCamera, Any]] = field(default_factory=dict, compare=False)

    @property
    def distorts(self) -> bool:
        """True if rectifying changes the image."""
        return self.camera.rectification is not None

    def __call__(self, image: Image, origin: str) -> tuple[Image, PinholeCamera]:
        """Rectify an image (H, W, 3); another size of the same aspect is taken for the same view. Raises DataError."""
        height, width = image.shape[:2]
        if (width, height) not in self._maps:
            self._maps[width, height] = self._prepared(width, height, origin)
        camera, maps = self._maps[width, height]
        if maps is None:
            return image, camera
        columns, rows = maps
        return np.asarray(cv2.remap(image, columns, rows, cv2.INTER_LINEAR), np.uint8), camera

    def _prepared(self, width: int, height: int, origin: str) -> tuple[PinholeCamera, Any]:
        """Compute the camera of images of this size, and the maps that rectify them. Raises DataError."""
        own = self.camera
        if not is_resized((own.width, own.height), (width, height)):
            raise DataError(
                f"{origin} is {width}x{height}, the camera of {self.path} {own.width}x{own.height}: another aspect"
            )
        camera = own.scaled(width, height)
        if camera.rectification is None:
            return camera, None
        taken = camera.rectification
        try:
            columns, rows = taken.maps(camera.K, width, height)
        except InputError as error:
            raise DataError(f"camera file {self.path}: {error}") from error
        shown = 1.0 if camera.outside is None else 1 - float(camera.outside.mean())
        if shown < LEAST_SHOWN:
            raise DataError(
                f"camera {self.path}: rectification leaves {shown:.0%} of the image, {LEAST_SHOWN:.0%} are needed; "
                f"its distortion coefficients are {list(taken.lens.coefficients)}"
            )
        # from pixels of the calibrated size to those of the image, centres at integers
        share_x, share_y = width / taken.size[0], height / taken.size[1]
        columns, rows = (columns + 0.5) * share_x - 0.5, (rows + 0.5) * share_y - 0.5
        return camera, (columns.astype(np.float32), rows.astype(np.float32))


def read_calibration(path: Path) -> CalibrationFile:
    """Read the calibration of a camera_info YAML file, or of another recorder's that states the size of its images.

    Unusual values are logged.

    Raises:
        DataError: missing, no YAML, an entry is missing, malformed or impossible, or the lens model is unknown.
    """
    if path.suffix.lower() in OTHER_SUFFIXES:
        found = read_calibration_file(path)
        size = found.alternatives[0].size
        if size is None:
            raise DataError(f"camera file {path} does not say the size of its images")
        return CalibrationFile(path, found.camera(*size))
    values = _read_yaml(path)
    size = _side(values, "image_width", path), _side(values, "image_height", path)
    K = _matrix(values, "camera_matrix", (3, 3), path)
    P = _matrix(values, "projection_matrix", (3, 4), path, np.column_stack((K, np.zeros(3))))
    R = _matrix(values, "rectification_matrix", (3, 3), path, np.eye(3))
    d = _matrix(values, "distortion_coefficients", (-1,), path, np.zeros(5))
    try:
        taken, camera = (PinholeCamera.from_info(matrix, *size) for matrix in (K, P))
        for one in (taken, camera):
            check_possible(one)
        lens = LensModel.of(str(values.get("distortion_model", BROWN[0])), d)
        rectification = Rectification(_flat(K), lens, _flat(R), size)
    except InputError as error:
        raise DataError(f"camera file {path}: {error}") from error
    report_doubts(f"camera file {path}", dict.fromkeys((*doubts(taken), *doubts(camera))))
    same = np.allclose(P[:, :3], K) and np.allclose(R, np.eye(3)) and not lens.distorts
    return CalibrationFile(path, camera if same else replace(camera, rectification=rectification))


def _flat(matrix: Matrix) -> tuple[float, ...]:
    return tuple(float(value) for value in matrix.reshape(-1))


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"camera file {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"camera file {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise DataError(f"camera file {path} must hold image_width, image_height, camera_matrix and so on")
    return values


def _side(values: Mapping[str, Any], name: str, path: Path) -> int:
    value = values.get(name)
    if type(value) is not int or not 1 <= value <= MOST_PX:
        raise DataError(f"camera file {path}: {name} must be a positive number of pixels, got {value!r:.80}")
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
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"camera file {path}: {name} must hold {shape} numbers, got {data!r:.80}") from error
    if not np.isfinite(matrix).all():
        raise DataError(f"camera file {path}: {name} holds numbers that are not finite")
    return matrix
