# SPDX-License-Identifier: Apache-2.0
"""Measuring depth: metrics, tables, panels, speed and the report. What a task adds is in the folder of its name."""

from geo_perception.evaluation.metrics import DepthMetrics, depth_metrics
from geo_perception.evaluation.report import Report, result_folder
from geo_perception.evaluation.speed import speed_metrics

__all__ = ["DepthMetrics", "Report", "depth_metrics", "result_folder", "speed_metrics"]
