# SPDX-License-Identifier: Apache-2.0
"""Decodes one matched set of the node `indoor_depth`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import InputError
from geo_perception.geometry import PinholeCamera
from geo_perception.pipelines.indoor_depth.pipeline import check_camera
from geo_perception.ros import conversions
from geo_perception.ros.nodes.camera_inputs import calibration_key, check_size
from geo_perception.ros.nodes.indoor_depth.parameters import IMAGE, INFO
from geo_perception.sync import Match


@dataclass(frozen=True)
class DecodedFrame:
    """One decoded set."""

    rgb: NDArray[np.uint8]
    camera: PinholeCamera | None
    fault: str  # why there is no camera
    doubts: tuple[str, ...] = ()  # what is unusual about it


class ImageDecoder:
    """Messages of a set to an image and its camera, which is worked out only when the CameraInfo changes."""

    def __init__(self) -> None:
        self._known: tuple[Any, PinholeCamera, tuple[str, ...]] | None = None

    def __call__(self, match: Match) -> DecodedFrame:
        """Raises InputError for a bad image; a missing CameraInfo, or one that cannot be the image's, is noted."""
        try:
            rgb = conversions.decode_rgb(match[IMAGE])
        except InputError as error:
            raise InputError(f"{IMAGE}: {error}") from error
        try:
            camera, doubts = self._camera(match.get(INFO))
            check_size(rgb, camera)
            check_camera(camera, camera.size)
        except InputError as error:
            return DecodedFrame(rgb, None, f"{INFO}: {error}")
        return DecodedFrame(rgb, camera, "", doubts)

    def _camera(self, info: Any) -> tuple[PinholeCamera, tuple[str, ...]]:
        if info is None:
            raise InputError("missing")
        key = calibration_key(info)
        if self._known is None or self._known[0] != key:
            doubts = tuple(f"{INFO}: {text}" for text in conversions.info_doubts(info))
            self._known = (key, conversions.camera_from_info(info), doubts)
        return self._known[1:]
