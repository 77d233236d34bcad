# SPDX-License-Identifier: Apache-2.0
"""Report of fused depth: the generic report with this task's tables and panels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from geo_perception.evaluation.panel import Panel
from geo_perception.evaluation.report import Report
from geo_perception.evaluation.stereo_lidar_fusion.estimate import Estimate
from geo_perception.evaluation.stereo_lidar_fusion.panels import frame_panels, overview_panels
from geo_perception.evaluation.stereo_lidar_fusion.protocol import FrameScores
from geo_perception.evaluation.stereo_lidar_fusion.summary import frame_error
from geo_perception.evaluation.stereo_lidar_fusion.tables import all_tables
from geo_perception.evaluation.table import Table
from geo_perception.evaluation.tree import Tree
from geo_perception.frames import StereoLidarFrame


@dataclass
class FusionReport(Report):
    """Report with panels of stereo and lidar frames and tables of their depth."""

    tables: Callable[[Tree], list[Table]] = all_tables
    highlights: Callable[[Sequence[Panel]], list[Panel]] = overview_panels

    def add(self, frame: StereoLidarFrame, estimate: Estimate, score: FrameScores) -> None:
        """Keep a frame's panels if it is among the worst (or the first) so far."""
        self.show(frame.name, frame_error(score), lambda: frame_panels(frame, estimate))
