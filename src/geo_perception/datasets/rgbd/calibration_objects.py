# SPDX-License-Identifier: Apache-2.0
"""Intrinsics in JSON and YAML objects, whatever the tool that wrote them calls its entries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from geo_perception._types import Matrix
from geo_perception.datasets.rgbd.stated_camera import (
    Size,
    StatedCamera,
    from_values,
    same_focal,
    stated_camera,
    stated_size,
)
from geo_perception.errors import DataError, InputError
from geo_perception.geometry import PinholeCamera
from geo_perception.geometry.plausibility import check_possible

FX, FY = ("fx", "flx", "focallengthx"), ("fy", "fly", "focallengthy")
CX, CY = ("cx", "ppx", "principalpointx"), ("cy", "ppy", "principalpointy")
WIDTH, HEIGHT = ("width", "w", "imagewidth", "resolutionx"), ("height", "h", "imageheight", "resolutiony")
MATRICES = ("intrinsicmatrix", "cameramatrix", "camk", "k", "intrinsics", "intrinsic", "matrix", "data")
BY_COLUMNS = ("intrinsicmatrix", "k", "intrinsics", "intrinsic")  # Open3D, Record3D and what copies them
PROJECTIONS = ("projectionmatrix", "p")  # of the rectified image, in ROS's files and messages
DISTORTIONS = (
    "distortioncoefficients",
    "distortioncoeffs",
    "distcoeffs",
    "distortion",
    "coeffs",
    "d",
    "k1",
    "k2",
    "k3",
    "p1",
    "p2",
)
PARTS = ("color", "colour", "rgb", "colorintrinsics", "rgbintrinsics", "colorcamera", "rgbcamera", "camera", "cam0",
         "left", "intrinsics", "intrinsic", "camera1")  # fmt: skip


def from_object(values: Any) -> StatedCamera:
    """Take the camera from the first object with intrinsics, the colour camera's before others."""
    if isinstance(values, Mapping) and values and all(_is_frame(v) for v in values.values()):
        return _same([from_object(v) for v in values.values()])
    found = _search(values, 0)
    if found is None:
        shown = sorted(map(str, values))[:12] if isinstance(values, Mapping) else type(values).__name__
        raise DataError(f"holds no intrinsics of a colour camera (fx, fy, cx, cy or a matrix), has {shown}")
    return found


def _is_frame(value: Any) -> bool:
    return isinstance(value, Mapping) and "cam_K" in value


def _same(cameras: Sequence[StatedCamera]) -> StatedCamera:
    """Return the camera that several frames share. Raises DataError if they differ."""
    if any(not np.allclose(camera.K, cameras[0].K, rtol=1e-3) for camera in cameras):
        raise DataError(f"holds different cameras for its {len(cameras)} frames, one is needed")
    return cameras[0]


def _search(values: Any, depth: int) -> StatedCamera | None:
    if not isinstance(values, Mapping) or depth > 3:
        return None
    plain = {re.sub(r"[^a-z0-9]", "", str(key).lower()): value for key, value in values.items()}
    own = _own(plain)
    if own is not None:
        return own
    for part in PARTS:
        found = _search(plain.get(part), depth + 1)
        if found is not None:
            size = found.size or _object_size(plain)
            return StatedCamera(found.K, size, found.distortion, found.remark)
    frames = plain.get("frames")
    if isinstance(frames, list) and frames and all(isinstance(f, Mapping) and "fl_x" in f for f in frames):
        return _same([from_object(frame) for frame in frames])
    return None


def _own(plain: Mapping[str, Any]) -> StatedCamera | None:
    """Parse the intrinsics that an object itself holds; None if it holds none."""
    size = _object_size(plain)
    distortion = [v for name in DISTORTIONS for v in _numbers(plain.get(name))]
    focal = [_first(plain, names) for names in (FX, FY, CX, CY)]
    if any(value is not None for value in focal):
        missing = [names[0] for names, value in zip((FX, FY, CX, CY), focal, strict=True) if value is None]
        if missing:
            raise DataError(f"lacks {', '.join(missing)}")
        K = np.array([focal[0], 0, focal[2], 0, focal[1], focal[3], 0, 0, 1], np.float64)
        return stated_camera(K, size, distortion)
    for name in MATRICES:
        value = _entries(plain.get(name))
        if isinstance(value, list):
            nested = any(isinstance(row, list) for row in value)
            flat = np.array(value, np.float64).reshape(-1)
            by_columns = name in BY_COLUMNS and not nested
            stated = from_values(flat.tolist(), size, maybe_by_columns=by_columns)
            stated = replace(stated, size=size, distortion=tuple(v for v in distortion if v))
            return _rectified(stated, _entries(_first(plain, PROJECTIONS)))
    return None


def _rectified(stated: StatedCamera, projection: Any) -> StatedCamera:
    """Choose the camera of the rectified images: P's where the lens distorts, else K's; the remark says which.

    Without distortion an image as taken is a pinhole's already, and K is right for it whatever P says.
    """
    values = np.array(projection, np.float64).reshape(-1) if isinstance(projection, list) else np.zeros(0)
    if values.size != 12:
        return stated
    K, P = (f"{name} with fx {fx:g}" for name, fx in (("K", stated.K[0, 0]), ("P", values[0])))
    if not stated.distortion:
        same = same_focal(stated.K, values.reshape(3, 4))
        return stated if same else replace(stated, remark=f"{K}, not {P}, as the lens does not distort")
    if not _is_possible(values, stated.size):
        return replace(stated, remark=f"{K}, as {P} cannot be")
    remark = f"{P}, not {K}, as images are taken as rectified"
    return replace(stated, K=stated_camera(values, stated.size).K, remark=remark)


def _is_possible(projection: Matrix, size: Size | None) -> bool:
    """Return whether a row-major 3x4 P can be a camera's; a file of a camera that was never calibrated has zeros."""
    width, height = size or (round(2 * projection[2]) + 1, round(2 * projection[6]) + 1)
    try:
        check_possible(PinholeCamera.from_info(projection, width, height))
    except (InputError, ValueError, OverflowError):
        return False
    return True


def _entries(value: Any) -> Any:
    """Unwrap a matrix of OpenCV or ROS (`data` beside its rows and columns); other values are returned unchanged."""
    return value.get("data") if isinstance(value, Mapping) and "data" in value else value


def _object_size(plain: Mapping[str, Any]) -> Size | None:
    resolution = plain.get("resolution", plain.get("imagesize"))
    if isinstance(resolution, list) and len(resolution) == 2:
        return stated_size(*resolution)
    return stated_size(_first(plain, WIDTH), _first(plain, HEIGHT))


def azure_kinect(cameras: Sequence[Mapping[str, Any]]) -> list[StatedCamera]:
    """Parse the colour camera at 4:3, and at 16:9, which is its middle rows."""
    colour = [c for c in cameras if str(c.get("Location", "")).endswith("CameraLocationPV0")]
    if len(colour) != 1:
        raise DataError(f"holds {len(colour)} colour cameras (CALIBRATION_CameraLocationPV0), one is needed")
    cx, cy, fx, fy, *distortion = (
        float(v) for v in colour[0]["NormalizedIntrinsics"]["ModelParameters"][:12]
    )
    width, whole, cut = 4096, 3072, 2304
    out = []
    for height in (whole, cut):
        centre = cx * width - 0.5, cy * whole - (whole - height) / 2 - 0.5
        out.append(from_values([fx * width, fy * whole, *centre, *distortion], (width, height)))
    return out


def _first(plain: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((plain[name] for name in names if plain.get(name) is not None), None)


def _numbers(value: Any) -> list[float]:
    value = _entries(value)
    values = value if isinstance(value, list) else [value]
    return [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
