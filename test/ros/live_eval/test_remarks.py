# SPDX-License-Identifier: Apache-2.0
"""The demo says of a drive what evaluation says of it: that its depth should not be believed, and why."""

from __future__ import annotations

from dataclasses import replace

from geo_perception.geometry import StereoRig
from geo_perception.pipelines import StereoLidarFusionConfig
from geo_perception.ros.live_eval.stereo_lidar_fusion import FusionScorer
from geo_perception.ros.live_eval.task import Received
from geo_perception.simulation.drive import DriveConfig, DriveSimulator


def remarks(baseline_factor: float) -> list[str]:
    (frame,) = DriveSimulator(4, DriveConfig(width=621, height=188)).frames(1)
    rig = StereoRig(frame.rig.left, frame.rig.baseline_m * baseline_factor)
    scorer = FusionScorer(StereoLidarFusionConfig(fusion="confidence"), "title")
    scorer.add(replace(frame, rig=rig), Received(frame.depth_truth_m, None, frame.stamp_ns))
    return list(scorer.remarks(scorer.metrics()))


def test_a_baseline_of_another_unit_is_said() -> None:
    (line,) = remarks(0.01)
    assert "stereo and lidar disagree" in line and "too near: baseline" in line


def test_a_good_drive_needs_no_remark() -> None:
    assert remarks(1.0) == []
