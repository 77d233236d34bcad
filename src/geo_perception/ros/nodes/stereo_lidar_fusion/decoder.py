# SPDX-License-Identifier: Apache-2.0
"""Decodes one matched set of the node `stereo_lidar_fusion`, saying of every sensor what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import InputError
from geo_perception.geometry import StereoRig, require_returns
from geo_perception.ros import conversions
from geo_perception.ros.nodes.camera_inputs import calibration_key, decode_sized
from geo_perception.ros.nodes.stereo_lidar_fusion.parameters import LEFT, LEFT_INFO, POINTS, RIGHT, RIGHT_INFO
from geo_perception.ros.runtime.extrinsics import Extrinsics
from geo_perception.sync import Match


@dataclass(frozen=True)
class Sensors:
    """One decoded set; what is missing or unusable is None."""

    left: NDArray[np.uint8]
    right: NDArray[np.uint8] | None
    points_lidar: NDArray[np.float32] | None
    rig: StereoRig
    camera_from_lidar: NDArray[np.float64]
    faults: tuple[str, ...]  # why a sensor is None
    doubts: tuple[str, ...] = ()  # what is unusual about the calibration
    no_returns: int = 0  # points of the cloud that were none


class FusionDecoder:
    """Messages of a set to arrays; calibration is worked out only when a CameraInfo changes."""

    def __init__(self, extrinsics: Extrinsics) -> None:
        self._extrinsics = extrinsics
        self._rig: tuple[Any, StereoRig, str, tuple[str, ...]] | None = None

    def __call__(self, match: Match) -> Sensors:
        """Arrays of a set. A fault of the left camera is fatal to it, one of the others is noted."""
        faults: list[str] = []

        def attempt(topic: str, decode: Callable[[], Any]) -> Any:
            try:
                return decode()
            except InputError as error:
                faults.append(f"{topic}: {error}")
                return None

        rig, rig_fault, doubts = self._calibration(match)
        left = attempt(LEFT, lambda: decode_sized(match[LEFT], rig.left))
        if left is None:
            raise InputError("; ".join(faults))
        right = points = None
        if rig_fault:
            faults.append(rig_fault)
        else:
            right = attempt(RIGHT, lambda: decode_sized(match.get(RIGHT), rig.left))
        points = attempt(POINTS, lambda: decode_sweep(match.get(POINTS)))
        camera_from_lidar, no_returns = np.eye(4), 0
        if points is not None:
            no_returns = match[POINTS].width * match[POINTS].height - len(points)
            frames = match[LEFT].header.frame_id, match[POINTS].header.frame_id
            found = attempt(POINTS, lambda: self._extrinsics.lookup(*frames, match.stamp_ns))
            points, camera_from_lidar = (None, camera_from_lidar) if found is None else (points, found)
        return Sensors(left, right, points, rig, camera_from_lidar, tuple(faults), doubts, no_returns)

    def _calibration(self, match: Match) -> tuple[StereoRig, str, tuple[str, ...]]:
        """The rig of this set's CameraInfos, why it cannot serve stereo if it cannot, and what is unusual about it."""
        left, right = match[LEFT_INFO], match.get(RIGHT_INFO)
        key = (calibration_key(left), None if right is None else calibration_key(right))
        if self._rig is None or self._rig[0] != key:
            rig, fault = rig_or_fault(left, right)
            infos = {LEFT_INFO: left} if right is None or fault else {LEFT_INFO: left, RIGHT_INFO: right}
            self._rig = (key, rig, fault, calibration_doubts(infos))
        return self._rig[1:]


def calibration_doubts(infos: Mapping[str, Any]) -> tuple[str, ...]:
    """List what is unusual about CameraInfos by topic; a doubt about both is listed for the first."""
    said: dict[str, str] = {}
    for topic, info in infos.items():
        for text in conversions.info_doubts(info):
            said.setdefault(text, f"{topic}: {text}")
    return tuple(said.values())


def rig_or_fault(left: Any, right: Any | None) -> tuple[StereoRig, str]:
    """The pair's calibration; with a fault of the right CameraInfo the rig is good for the left camera only.

    Raises:
        InputError: the left CameraInfo is at fault.
    """
    try:
        camera = conversions.camera_from_info(left)
    except InputError as error:
        raise InputError(f"{LEFT_INFO}: {error}") from error
    only_left = StereoRig(camera, 1.0)  # the baseline is of no use without a right image
    if right is None:
        return only_left, f"{RIGHT_INFO}: missing"
    try:
        return conversions.rig_from_infos(left, right), ""
    except InputError as error:
        return only_left, f"{RIGHT_INFO}: {error}"


def decode_sweep(message: Any) -> NDArray[np.float32]:
    """(N, 4) returns of a sweep; points where a beam met nothing are dropped.

    Raises:
        InputError: missing, malformed, or without a single return.
    """
    if message is None:
        raise InputError("missing")
    points = conversions.decode_points(message)
    if not len(points):
        raise InputError("the cloud is empty")
    return require_returns(points)
