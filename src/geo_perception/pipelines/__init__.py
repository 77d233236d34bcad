# SPDX-License-Identifier: Apache-2.0
"""Sensor arrays in, geometry out. Names are resolved on first use, so that importing this stays cheap."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_perception.pipelines.indoor_depth.estimate import DepthEstimate
    from geo_perception.pipelines.indoor_depth.pipeline import IndoorDepth, IndoorDepthConfig
    from geo_perception.pipelines.stereo_lidar_fusion.estimates import FusedDepth
    from geo_perception.pipelines.stereo_lidar_fusion.pipeline import (
        StereoLidarFusion,
        StereoLidarFusionConfig,
    )

__all__ = [
    "DepthEstimate",
    "FusedDepth",
    "IndoorDepth",
    "IndoorDepthConfig",
    "StereoLidarFusion",
    "StereoLidarFusionConfig",
]

_HOME = {
    "DepthEstimate": "indoor_depth.estimate",
    "IndoorDepth": "indoor_depth.pipeline",
    "IndoorDepthConfig": "indoor_depth.pipeline",
    "FusedDepth": "stereo_lidar_fusion.estimates",
    "StereoLidarFusion": "stereo_lidar_fusion.pipeline",
    "StereoLidarFusionConfig": "stereo_lidar_fusion.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
