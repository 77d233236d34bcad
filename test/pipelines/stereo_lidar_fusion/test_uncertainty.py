# SPDX-License-Identifier: Apache-2.0
"""The uncertainty: known where the depth is, larger where less is known, computed on demand."""

import numpy as np
import pytest
from helpers.near_scene import near_scene
from helpers.scenes import answer

from geo_perception.pipelines import StereoLidarFusion, StereoLidarFusionConfig
from geo_perception.pipelines.stereo_lidar_fusion.estimates import StereoEstimate
from geo_perception.pipelines.stereo_lidar_fusion.uncertainty import relative_uncertainty

SHAPE = (20, 30)
FOCAL_BASELINE = 400.0


def flat(depth_m, confidence=0.0, stereo_m=None, matched=True):
    depth = np.full(SHAPE, depth_m, np.float32)
    stereo = StereoEstimate(np.full(SHAPE, stereo_m or depth_m, np.float32), np.full(SHAPE, matched))
    return relative_uncertainty(depth, np.full(SHAPE, confidence, np.float32), stereo, FOCAL_BASELINE)[10, 10]


def test_an_error_of_the_disparity_grows_with_the_depth():
    near, far = flat(10.0), flat(40.0)
    assert near == pytest.approx(np.hypot(0.007, 0.53 / 40), rel=1e-4)
    assert far == pytest.approx(np.hypot(0.007, 0.53 / 10), rel=1e-4)


def test_what_the_lidar_says_does_not_depend_on_stereo():
    assert flat(40.0, confidence=1.0, matched=False) == pytest.approx(0.007, rel=1e-4)


def test_filled_in_and_contradicted_depth_is_less_certain():
    assert flat(10.0, matched=False) > 0.3
    assert flat(10.0, confidence=1.0, stereo_m=20.0) > 5 * flat(10.0, confidence=1.0)


def test_an_edge_is_less_certain_than_the_surfaces_beside_it():
    depth = np.full(SHAPE, 20.0, np.float32)
    depth[:, 15:] = 10.0
    got = relative_uncertainty(depth, np.ones(SHAPE, np.float32), None, FOCAL_BASELINE)
    assert got[10, 14] > 0.2 and got[10, 15] > 0.1 and got[10, [5, 25]] == pytest.approx(0.007, rel=1e-4)


def test_unknown_stays_unknown_and_is_no_edge():
    depth = np.full(SHAPE, 20.0, np.float32)
    depth[5] = np.nan
    got = relative_uncertainty(depth, np.ones(SHAPE, np.float32), None, FOCAL_BASELINE)
    assert np.array_equal(np.isnan(got), np.isnan(depth))
    assert np.nanmax(got) == pytest.approx(0.007, rel=1e-4)


@pytest.mark.parametrize("missing", ["", "right", "points"])
def test_every_mode_has_it_and_it_holds(missing):
    frame = near_scene(sky=True)
    pipeline = StereoLidarFusion(StereoLidarFusionConfig(fusion="confidence"))
    right, points = (
        (None if missing == "right" else frame.right),
        (None if missing == "points" else frame.points_lidar),
    )
    result = pipeline(frame.left, right, points, frame.rig, frame.camera_from_lidar)
    assert "uncertainty" not in vars(result)  # nobody has asked
    bound = 1.645 * result.uncertainty
    assert result.uncertainty is result.uncertainty
    assert np.array_equal(np.isnan(bound), np.isnan(result.depth_m))
    error = np.abs(result.depth_m / frame.depth_truth_m - 1)
    said = (bound <= 0.1) & np.isfinite(frame.depth_truth_m)
    assert said.sum() > 0.3 * said.size and (error[said] < 0.1).mean() > 0.9


def test_an_answer_from_elsewhere_says_nothing():
    assert np.isnan(answer(10.0).uncertainty).all()
