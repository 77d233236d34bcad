# SPDX-License-Identifier: Apache-2.0
"""Encodes what one set of the node `stereo_lidar_fusion` gave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from geo_perception.pipelines import FusedDepth
from geo_perception.ros import conversions
from geo_perception.ros.nodes.depth_outputs import DepthMessageWriter
from geo_perception.ros.nodes.stereo_lidar_fusion.decoder import Sensors
from geo_perception.ros.nodes.stereo_lidar_fusion.parameters import CONFIDENCE, UNCERTAINTY, FusionSettings


class OutputEncoder:
    """Wanted outputs of a frame, as of `DepthMessageWriter`, the confidence and the uncertainty."""

    def __init__(self) -> None:
        self._depth = DepthMessageWriter()
        self._images = {topic: conversions.ImageEncoder() for topic in (CONFIDENCE, UNCERTAINTY)}

    def __call__(
        self,
        sensors: Sensors,
        fused: FusedDepth,
        wanted: frozenset[str],
        settings: FusionSettings,
        header: Any,
    ) -> Iterator[tuple[str, Any]]:
        """Topic and message of each wanted output; the camera is the left one at the size of the depth."""
        yield from self._depth(fused.depth_m, sensors.left, sensors.rig.left, wanted, settings, header)
        if CONFIDENCE in wanted:
            yield CONFIDENCE, self._images[CONFIDENCE](fused.confidence, "32FC1", header)
        if UNCERTAINTY in wanted:
            yield UNCERTAINTY, self._images[UNCERTAINTY](fused.uncertainty, "32FC1", header)
