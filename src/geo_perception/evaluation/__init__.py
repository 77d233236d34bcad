# SPDX-License-Identifier: Apache-2.0
"""Measuring depth: metrics, protocols, runs over frames, and reports. Nothing here needs torch or ROS."""

from geo_perception.evaluation.metrics import DepthMetrics, depth_metrics
from geo_perception.evaluation.report import Report, result_folder
from geo_perception.evaluation.speed import speed_metrics
from geo_perception.evaluation.stereo_lidar_fusion.estimate import Estimate
from geo_perception.evaluation.stereo_lidar_fusion.protocol import Protocol, score_frame
from geo_perception.evaluation.stereo_lidar_fusion.run import Evaluation, evaluate

__all__ = [
    "DepthMetrics",
    "Estimate",
    "Evaluation",
    "Protocol",
    "Report",
    "depth_metrics",
    "evaluate",
    "result_folder",
    "score_frame",
    "speed_metrics",
]
