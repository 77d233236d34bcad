# SPDX-License-Identifier: Apache-2.0
"""Pure geometry: cameras, rigid transforms, lidar projection, depth and points."""

from geo_perception.geometry.camera import PinholeCamera, StereoRig
from geo_perception.geometry.points import depth_to_points
from geo_perception.geometry.projection import project_lidar
from geo_perception.geometry.sweep import drop_no_returns, require_returns
from geo_perception.geometry.visibility import visible_returns

__all__ = [
    "PinholeCamera",
    "StereoRig",
    "depth_to_points",
    "drop_no_returns",
    "project_lidar",
    "require_returns",
    "visible_returns",
]
