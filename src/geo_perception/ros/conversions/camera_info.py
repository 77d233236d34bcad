# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/CameraInfo of rectified cameras: the projection matrix P is what counts, K is checked.

K, D and R describe how the image was rectified, and so where the rectified image has no content.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from geo_perception.errors import InputError
from geo_perception.geometry import PinholeCamera, StereoRig
from geo_perception.geometry.plausibility import check_possible, doubts
from geo_perception.geometry.rectification import LensModel, Rectification

MAX_MISMATCH = 0.5  # px; a larger difference of left and right means they were not rectified together
MAX_REFOCUS = 0.1  # by which P's focal length may differ from K's where nothing was rectified
MAX_RISE = 0.05  # of the baseline: KITTI's published pairs have 0.5%


def camera_from_info(msg: Any) -> PinholeCamera:
    """Make the rectified camera described by `P`, with region of interest and binning applied.

    Raises:
        InputError: K or P is zero, not finite, of the wrong length, no camera matrix or none that can be of an image of
            this size; or the size is not positive.
    """
    _whole(msg, "K")
    camera = _whole(msg, "P")
    roi = msg.roi
    if roi.width and roi.height:
        camera = camera.cropped(roi.x_offset, roi.y_offset, roi.width, roi.height)
    camera = replace(camera, rectification=_rectification(msg)[0])
    x, y = max(1, msg.binning_x), max(1, msg.binning_y)
    return camera if (x, y) == (1, 1) else camera.scaled(camera.width // x, camera.height // y)


def info_doubts(msg: Any) -> tuple[str, ...]:
    """List what is unusual about a CameraInfo that `camera_from_info` accepts, one line each; usually nothing."""
    said: dict[str, str] = {}
    for name in ("P", "K"):
        for text in doubts(_whole(msg, name)):
            said.setdefault(text, f"{name}: {text}")
    rectification, fault = _rectification(msg)
    differ = "" if fault or said else _difference(msg, rectification)
    return (*said.values(), *filter(None, (fault, differ)))


def _difference(msg: Any, rectification: Rectification | None) -> str:
    """Describe a contradiction of K and P, which without rectification have one focal length; empty: there is none."""
    lens = rectification is not None and rectification.lens.distorts
    turns = rectification is not None and not np.allclose(rectification.R, np.eye(3).reshape(-1), atol=1e-3)
    taken, shown = _whole(msg, "K"), _whole(msg, "P")
    if lens or turns or abs(shown.fx / taken.fx - 1) <= MAX_REFOCUS:
        return ""
    return (
        f"fx is {taken.fx:g} px in K and {shown.fx:g} in P, though neither D nor R says that anything was rectified: "
        "which is of these images?"
    )


def _whole(msg: Any, name: str) -> PinholeCamera:
    """Make the camera of the whole image from its matrix `name`."""
    values = np.asarray(getattr(msg, name.lower()), np.float64).reshape(-1)
    length = {"K": 9, "P": 12}[name]
    if values.size != length:
        raise InputError(f"CameraInfo {name} needs {length} values, got {values.size}")
    rows = values.reshape(3, -1)
    if not np.isfinite(values).all() or rows[0, 0] <= 0 or rows[1, 1] <= 0:
        raise InputError(
            f"CameraInfo {name} must be finite with fx, fy > 0 (is it calibrated?), got {values.tolist()}"
        )
    try:
        camera = PinholeCamera.from_info(values, msg.width, msg.height)
        check_possible(camera)
    except InputError as error:
        raise InputError(f"CameraInfo {name}: {error}") from error
    return camera


def _rectification(msg: Any) -> tuple[Rectification | None, str]:
    """Return the rectification, None where there was none or it is unknown, and the reason if it is unknown.

    Images come rectified, so that neither D nor R is needed for their depth: faults in them are no error.
    """
    R = np.asarray(msg.r, np.float64).reshape(-1)
    taken = _whole(msg, "K")
    if msg.roi.width and msg.roi.height:
        taken = taken.cropped(msg.roi.x_offset, msg.roi.y_offset, msg.roi.width, msg.roi.height)
    try:
        lens = LensModel.of(msg.distortion_model, np.asarray(msg.d, np.float64))
        R = R if R.any() else np.eye(3).reshape(-1)  # drivers of rectified images leave it empty
        if R.size != 9:
            raise InputError(f"R needs 9 values, got {R.size}")
        same = np.array_equal(R, np.eye(3).reshape(-1)) and np.allclose(msg.k, _whole(msg, "P").K.reshape(-1))
        K = tuple(map(float, taken.K.reshape(-1)))
        found = Rectification(K, lens, tuple(map(float, R)), (taken.width, taken.height))
    except InputError as error:
        return None, f"{error}; what rectification left black is not recognised"
    return (found if lens.distorts or not same else None), ""


def rig_from_infos(left: Any, right: Any) -> StereoRig:
    """Make the stereo pair of two CameraInfos; baseline from P: (P_left[3] - P_right[3]) / fx, metres.

    Raises:
        InputError: either is invalid, they differ in size or intrinsics, the right camera stands above or below the
            left one, or the baseline is not positive.
    """
    cameras = camera_from_info(left), camera_from_info(right)
    if cameras[0].size != cameras[1].size:
        raise InputError(
            f"left camera is {cameras[0].size}, right {cameras[1].size} (height, width): they must agree"
        )
    values = [(c.fx, c.fy, c.cx, c.cy) for c in cameras]
    if np.abs(np.subtract(values[0], values[1])).max() > MAX_MISMATCH:
        raise InputError(
            f"left and right fx, fy, cx, cy must agree to {MAX_MISMATCH} px (rectified together, zero "
            f"disparity at infinity), got {values[0]} and {values[1]}"
        )
    baseline_m = float(left.p[3] - right.p[3]) / float(left.p[0])
    if not baseline_m > 0:
        raise InputError(
            f"right CameraInfo P[3] = -fx * baseline must be below the left's {left.p[3]:g}, "
            f"got {right.p[3]:g}: baseline {baseline_m:g} m (left and right swapped?)"
        )
    rise_m = float(left.p[7] - right.p[7]) / float(left.p[5])
    if abs(rise_m) > MAX_RISE * baseline_m:
        raise InputError(
            f"right CameraInfo P[7] {right.p[7]:g} against the left's {left.p[7]:g} puts it {rise_m:g} m below, "
            f"beside a baseline of {baseline_m:g} m: the pair is not rectified to common rows"
        )
    return StereoRig(cameras[0], baseline_m)


def info_fields(camera: PinholeCamera, baseline_m: float = 0.0) -> dict[str, Any]:
    """Compute the fields of sensor_msgs/CameraInfo but for header and roi; P[3] = -fx * baseline_m.

    D, K and R are those by which the image was rectified, if they are known and it is no crop; else those of an
    undistorted camera.
    """
    P = np.zeros((3, 4))
    P[:, :3] = camera.K
    P[0, 3] = -camera.fx * baseline_m
    fields = {"height": camera.height, "width": camera.width, "p": P.reshape(12)}
    taken = camera.rectification
    if taken is None or camera.whole is not None:
        plain = {"d": np.zeros(5), "k": camera.K.reshape(9), "r": np.eye(3).reshape(9)}
        return {**fields, "distortion_model": "plumb_bob", **plain}
    K = PinholeCamera.from_info(taken.K, *taken.size).scaled(camera.width, camera.height).K
    lens = {"distortion_model": taken.lens.model, "d": np.array(taken.lens.coefficients)}
    return {**fields, **lens, "k": K.reshape(9), "r": np.array(taken.R)}


def info_from_camera(camera: PinholeCamera, header: Any, baseline_m: float = 0.0) -> Any:
    """Make the sensor_msgs/CameraInfo of a rectified camera; give `baseline_m` for the right one of a pair."""
    from sensor_msgs.msg import CameraInfo

    return CameraInfo(header=header, **info_fields(replace(camera, rectification=None), baseline_m))
