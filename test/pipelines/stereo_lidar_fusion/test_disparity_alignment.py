# SPDX-License-Identifier: Apache-2.0
"""Stereo aligned to the lidar by a line per frame."""

import numpy as np
import pytest
from helpers.plane import plane_frame

from geo_perception.pipelines import StereoLidarFusion, StereoLidarFusionConfig
from geo_perception.pipelines.stereo_lidar_fusion.disparity_alignment import (
    align_disparity,
    alignment_trust,
    unrefuted_returns,
)
from geo_perception.pipelines.stereo_lidar_fusion.estimates import StereoEstimate


def test_scale_and_offset_are_found_among_outliers():
    random = np.random.default_rng(0)
    disparity = random.uniform(5, 60, 3000).astype(np.float32)
    reference = 0.985 * disparity + 0.4 + 0.05 * random.standard_normal(3000)
    reference[::5] += random.uniform(3, 30, 600)  # returns from other surfaces
    scale, offset = align_disparity(disparity, reference.astype(np.float32))
    assert scale == pytest.approx(0.985, abs=0.002) and offset == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("count", [0, 100])
def test_too_few_returns_change_nothing(count):
    values = np.linspace(5, 50, count).astype(np.float32)
    assert align_disparity(values, values + 1) == (1.0, 0.0)


def test_a_single_wall_gives_an_offset_only():
    values = np.full(3000, 20.0, np.float32)
    assert align_disparity(values, values + np.float32(0.5)) == (1.0, pytest.approx(0.5))


def test_returns_that_contradict_stereo_change_nothing():
    values = np.linspace(5, 50, 4000).astype(np.float32)
    assert align_disparity(values, values + 9) == (1.0, 0.0)


def test_trust_ends_far_from_the_returns():
    trust = alignment_trust(np.array([0, 10, 30, 50, 200], np.float32))
    assert trust.tolist() == [1, 1, 0.5, 0, 0]


@pytest.mark.parametrize("align, bound", [(True, 0.1), (False, 0.6)])
def test_a_constant_disparity_error_is_taken_out(align, bound):
    frame = plane_frame(beams=48)
    pipeline = StereoLidarFusion(StereoLidarFusionConfig(align_stereo=align))
    wrong = frame.rig.disparity_from_depth(frame.depth_truth_m) + np.float32(0.5)
    stereo = pipeline.stereo_estimate(frame.left, frame.right, frame.rig, wrong)
    lidar = pipeline.lidar_estimate(frame.left, frame.points_lidar, frame.rig, frame.camera_from_lidar)
    aligned = pipeline.fusion_inputs(frame.left, frame.right, stereo, lidar, frame.rig).stereo
    error = np.abs(frame.rig.disparity_from_depth(aligned.depth_m) + 0.5 - wrong)[40:]
    assert np.median(error) == pytest.approx(bound - 0.1, abs=0.1)


def refutation(returns_m, stereo_m, matched=True):
    shape = (40, 40)
    sparse = np.full(shape, 10.0, np.float32)  # agreeing returns fix the line
    stereo = np.full(shape, 10.0, np.float32)
    sparse[0, 0], stereo[0, 0] = returns_m, stereo_m
    estimate = StereoEstimate(stereo, np.full(shape, matched))
    return unrefuted_returns(sparse, estimate, 384.0)


def test_a_return_far_behind_a_matched_surface_goes_and_the_rest_stays():
    kept = refutation(returns_m=30.0, stereo_m=8.0)
    assert np.isnan(kept[0, 0]) and np.count_nonzero(np.isnan(kept)) == 1


@pytest.mark.parametrize(
    "returns_m, stereo_m, matched", [(8.0, 30.0, True), (8.0, 30.0, False), (10.5, 10.0, True)]
)
def test_returns_in_front_of_stereo_or_near_it_stay(returns_m, stereo_m, matched):
    assert not np.isnan(refutation(returns_m, stereo_m, matched)).any()
