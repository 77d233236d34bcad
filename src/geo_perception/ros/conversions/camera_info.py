# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/CameraInfo of rectified cameras: the projection matrix P is what counts, K is checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import InputError
from geo_perception.geometry import PinholeCamera, StereoRig

MAX_MISMATCH = 0.5  # px; a larger difference of left and right means they were not rectified together


def camera_from_info(msg: Any) -> PinholeCamera:
    """The rectified camera described by `P`, region of interest and binning applied.

    Raises:
        InputError: K or P is zero, not finite or of the wrong length, or the size is not positive.
    """
    _checked(msg.k, 9, "K")
    P = _checked(msg.p, 12, "P")
    camera = PinholeCamera.from_info(P, msg.width, msg.height)
    roi = msg.roi
    if roi.width and roi.height:
        camera = camera.cropped(roi.x_offset, roi.y_offset, roi.width, roi.height)
    x, y = max(1, msg.binning_x), max(1, msg.binning_y)
    return camera if (x, y) == (1, 1) else camera.scaled(camera.width // x, camera.height // y)


def _checked(values: Any, length: int, name: str) -> NDArray[np.float64]:
    matrix = np.asarray(values, np.float64).reshape(-1)
    if matrix.size != length:
        raise InputError(f"CameraInfo {name} needs {length} values, got {matrix.size}")
    rows = matrix.reshape(3, -1)
    if not np.isfinite(matrix).all() or rows[0, 0] <= 0 or rows[1, 1] <= 0:
        raise InputError(
            f"CameraInfo {name} must be finite with fx, fy > 0 (is it calibrated?), got {matrix.tolist()}"
        )
    return matrix


def rig_from_infos(left: Any, right: Any) -> StereoRig:
    """The stereo pair of two CameraInfos; baseline from P: (P_left[3] - P_right[3]) / fx, metres.

    Raises:
        InputError: either is invalid, they differ in size or intrinsics, or the baseline is not positive.
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
    return StereoRig(cameras[0], baseline_m)


def info_fields(camera: PinholeCamera, baseline_m: float = 0.0) -> dict[str, Any]:
    """Fields of sensor_msgs/CameraInfo but for header and roi: no distortion, P[3] = -fx * baseline_m."""
    P = np.zeros((3, 4))
    P[:, :3] = camera.K
    P[0, 3] = -camera.fx * baseline_m
    matrices = {"d": np.zeros(5), "k": camera.K.reshape(9), "r": np.eye(3).reshape(9), "p": P.reshape(12)}
    return {"height": camera.height, "width": camera.width, "distortion_model": "plumb_bob", **matrices}


def info_from_camera(camera: PinholeCamera, header: Any, baseline_m: float = 0.0) -> Any:
    """sensor_msgs/CameraInfo of a rectified camera; give `baseline_m` for the right camera of a pair."""
    from sensor_msgs.msg import CameraInfo

    return CameraInfo(header=header, **info_fields(camera, baseline_m))
