# SPDX-License-Identifier: Apache-2.0
"""Stereo against lidar, by its former name; the code is pipelines.agreement."""

from geo_perception.pipelines.stereo_lidar_fusion.agreement import disagreement

__all__ = ["disagreement"]
