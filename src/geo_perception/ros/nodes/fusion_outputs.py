# SPDX-License-Identifier: Apache-2.0
"""Encodes what one set of the node `stereo_lidar_fusion` gave, into messages that are made once per camera."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception.geometry import PinholeCamera
from geo_perception.pipelines import FusedDepth
from geo_perception.preview import colourise_depth
from geo_perception.ros import conversions
from geo_perception.ros.nodes.fusion_inputs import Sensors
from geo_perception.ros.nodes.fusion_settings import (
    CLOUD,
    COLOUR,
    CONFIDENCE,
    DEPTH,
    DEPTH_INFO,
    FusionSettings,
)


class OutputEncoder:
    """Wanted outputs of a frame, one by one: publish (which serialises) each before asking for the next.

    Messages and their buffers are kept, since making them anew costs as much as filling them.
    """

    def __init__(self) -> None:
        self._images = {topic: conversions.ImageEncoder() for topic in (DEPTH, CONFIDENCE, COLOUR)}
        self._info: tuple[PinholeCamera, Any] | None = None
        self._cloud: conversions.DepthCloudEncoder | None = None

    def __call__(
        self,
        sensors: Sensors,
        fused: FusedDepth,
        wanted: frozenset[str],
        settings: FusionSettings,
        header: Any,
    ) -> Iterator[tuple[str, Any]]:
        """Topic and message of each wanted output; the camera is the left one at the size of the depth."""
        height, width = fused.depth_m.shape
        camera = sensors.rig.left
        if camera.size != (height, width):
            camera = camera.scaled(width, height)
        if DEPTH_INFO in wanted:
            yield DEPTH_INFO, self._camera_info(camera, header)
        if DEPTH in wanted:
            encode = self._images[DEPTH]
            yield DEPTH, conversions.encode_depth(fused.depth_m, header, settings.depth_encoding, encode)
        if CONFIDENCE in wanted:
            yield CONFIDENCE, self._images[CONFIDENCE](fused.confidence, "32FC1", header)
        if COLOUR in wanted:
            preview = colourise_depth(fused.depth_m, settings.preview_min_m, settings.preview_max_m)
            yield COLOUR, self._images[COLOUR](preview, "rgb8", header)
        if CLOUD in wanted:
            yield CLOUD, self._coloured_points(fused.depth_m, sensors.left, camera, header)

    def _camera_info(self, camera: PinholeCamera, header: Any) -> Any:
        if self._info is None or self._info[0] != camera:
            self._info = (camera, conversions.info_from_camera(camera, header))
        message = self._info[1]
        message.header = header
        return message

    def _coloured_points(
        self, depth_m: NDArray[np.float32], rgb: NDArray[np.uint8], camera: PinholeCamera, header: Any
    ) -> Any:
        if self._cloud is None or self._cloud.camera != camera:
            self._cloud = conversions.DepthCloudEncoder(camera)
        if rgb.shape[:2] != camera.size:
            rgb = np.asarray(cv2.resize(rgb, (camera.width, camera.height), interpolation=cv2.INTER_AREA))
        return self._cloud(depth_m, rgb, header)
