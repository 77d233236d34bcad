# SPDX-License-Identifier: Apache-2.0
"""Evaluation of `stereo_lidar_fusion`: protocol, scoring, panels and tables of fused depth."""

from geo_perception.evaluation.stereo_lidar_fusion.estimate import Estimate
from geo_perception.evaluation.stereo_lidar_fusion.protocol import FusionProtocol, score_frame
from geo_perception.evaluation.stereo_lidar_fusion.report import FusionReport
from geo_perception.evaluation.stereo_lidar_fusion.run import Evaluation, evaluate

__all__ = ["Estimate", "Evaluation", "FusionProtocol", "FusionReport", "evaluate", "score_frame"]
