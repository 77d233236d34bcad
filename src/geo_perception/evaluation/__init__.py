# SPDX-License-Identifier: Apache-2.0
"""Evaluation of depth: metrics, tables, panels, speed and the report. Each task has a sub-package of its name."""

from geo_perception.evaluation.metrics import DepthMetrics, depth_metrics
from geo_perception.evaluation.report import Report, result_folder
from geo_perception.evaluation.speed import speed_metrics

__all__ = ["DepthMetrics", "Report", "depth_metrics", "result_folder", "speed_metrics"]
