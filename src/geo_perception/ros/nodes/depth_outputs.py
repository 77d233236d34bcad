# SPDX-License-Identifier: Apache-2.0
"""Encodes a depth image, its camera, its coloured cloud and its preview into messages made once per camera."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from geo_perception._types import Array, Image
from geo_perception.geometry import PinholeCamera
from geo_perception.preview import colourise_depth
from geo_perception.ros import conversions
from geo_perception.ros.nodes.depth_parameters import CLOUD, COLOUR, DEPTH, DEPTH_INFO, DepthSettings


class DepthMessageWriter:
    """Wanted outputs of a frame, one by one: publish (which serialises) each before asking for the next.

    Messages and their buffers are kept, since making them anew costs as much as filling them.
    """

    def __init__(self) -> None:
        self._images = {topic: conversions.ImageEncoder() for topic in (DEPTH, COLOUR)}
        self._info: tuple[PinholeCamera, Any] | None = None
        self._cloud: conversions.DepthCloudEncoder | None = None

    def __call__(
        self,
        depth_m: Array,
        rgb: Image,
        camera: PinholeCamera | None,
        wanted: frozenset[str],
        settings: DepthSettings,
        header: Any,
    ) -> Iterator[tuple[str, Any]]:
        """Topic and message of each wanted output.

        Args:
            depth_m: (H, W) metres.
            rgb: (h, w, 3), the image the depth belongs to.
            camera: of that image, brought to the size of the depth here; without it no camera info and no cloud.
            wanted: topics.
            settings: encodings and colours.
            header: of every message.
        """
        height, width = depth_m.shape
        if camera is not None and camera.size != (height, width):
            camera = camera.scaled(width, height)
        if DEPTH_INFO in wanted and camera is not None:
            yield DEPTH_INFO, self._camera_info(camera, header)
        if DEPTH in wanted:
            encode = self._images[DEPTH]
            yield DEPTH, conversions.encode_depth(depth_m, header, settings.depth_encoding, encode)
        if COLOUR in wanted:
            preview = colourise_depth(depth_m, settings.preview_min_m, settings.preview_max_m)
            yield COLOUR, self._images[COLOUR](preview, "rgb8", header)
        if CLOUD in wanted and camera is not None:
            yield CLOUD, self._coloured_points(depth_m, rgb, camera, header)

    def _camera_info(self, camera: PinholeCamera, header: Any) -> Any:
        if self._info is None or self._info[0] != camera:
            self._info = (camera, conversions.info_from_camera(camera, header))
        message = self._info[1]
        message.header = header
        return message

    def _coloured_points(self, depth_m: Array, rgb: Image, camera: PinholeCamera, header: Any) -> Any:
        if self._cloud is None or self._cloud.camera != camera:
            self._cloud = conversions.DepthCloudEncoder(camera)
        if rgb.shape[:2] != camera.size:
            rgb = np.asarray(cv2.resize(rgb, (camera.width, camera.height), interpolation=cv2.INTER_AREA))
        return self._cloud(depth_m, rgb, header)
