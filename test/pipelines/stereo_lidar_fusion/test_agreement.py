# SPDX-License-Identifier: Apache-2.0
"""Stereo against lidar: a wrong baseline is said, either way, and good data raise no alarm."""

import os
from pathlib import Path

import numpy as np
import pytest
from helpers.plane import plane_frame
from helpers.scenes import answer

from geo_perception.datasets import open_dataset
from geo_perception.geometry import StereoRig
from geo_perception.pipelines import StereoLidarFusion, StereoLidarFusionConfig
from geo_perception.pipelines.stereo_lidar_fusion.agreement import Agreement

DATA = Path(os.environ.get("GEO_PERCEPTION_DATA", "/nonexistent"))
PIPELINE = StereoLidarFusion(StereoLidarFusionConfig(fusion="confidence"))


def run(frame, factor=1.0):
    rig = StereoRig(frame.rig.left, frame.rig.baseline_m * factor)
    return PIPELINE(frame.left, frame.right, frame.points_lidar, rig, frame.camera_from_lidar)


@pytest.mark.parametrize("factor", [0.001, 0.01, 0.1, 0.4, 0.5, 0.6, 0.7, 0.8])
def test_a_baseline_too_short_is_said(factor):
    said = run(plane_frame(), factor).suspicion()
    assert "too near: baseline" in said and "\n" not in said


@pytest.mark.parametrize("factor", [1.25, 1.5, 2.0, 2.5, 10.0, 100.0, 1000.0])
def test_a_baseline_too_long_is_said(factor):
    assert "too far: baseline" in run(plane_frame(), factor).suspicion()


def test_the_factor_is_named():
    result = run(plane_frame(), 0.5)
    assert "stereo is 2" in result.suspicion() or "stereo is 1.9" in result.suspicion()
    assert result.agreement.depth_ratio == pytest.approx(0.5, abs=0.03)


def test_good_data_raise_no_alarm():
    result = run(plane_frame())
    assert result.suspicion() == "" and result.agreement.dropped < 0.1


@pytest.mark.skipif(not DATA.is_dir(), reason="GEO_PERCEPTION_DATA names no folder")
def test_recorded_streets_raise_none_either():
    dataset = open_dataset(DATA / "kitti_stereo_lidar")
    found = [run(dataset[index]) for index in range(0, len(dataset), 5)]
    assert [result.suspicion() for result in found] == [""] * len(found)
    assert max(result.agreement.dropped for result in found) < 0.05


def test_returns_that_stereo_drops_are_said_beyond_the_threshold():
    stereo, returns = np.full((60, 60), 10.0, np.float32), np.full((60, 60), 10.0, np.float32)
    found = Agreement.of(stereo, returns, dropped=0.2)
    fused = answer(10.0)
    object.__setattr__(fused, "agreement", found)
    assert fused.suspicion(0.25) == ""
    assert "20% of the lidar's returns" in fused.suspicion(0.15)


def test_an_answer_without_comparison_is_judged_by_its_maps():
    assert answer(10.0, stereo_m=10.0).suspicion() == ""
    assert "too far" in answer(10.0, stereo_m=30.0).suspicion()


def test_small_errors_of_far_disparities_are_no_disagreement():
    returns = np.full((60, 60), 60.0, np.float32)
    found = Agreement.of(returns * np.float32(1.13), returns, focal_baseline=384.0)
    assert found.disagreement > 0.1 > found.error_px - 0.7 and found.holds
