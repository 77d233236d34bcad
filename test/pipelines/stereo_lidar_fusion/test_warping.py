# SPDX-License-Identifier: Apache-2.0
"""A pixel of the left image matches the one that lies so many columns further left in the right image."""

import numpy as np

from geo_perception.pipelines.stereo_lidar_fusion.warping import at_matches

RIGHT = np.random.default_rng(0).random((5, 9)).astype(np.float32)


def test_whole_and_half_pixels_and_the_border():
    for disparity, want in ((2, RIGHT[:, 1:7]), (1.5, (RIGHT[:, 1:7] + RIGHT[:, 2:8]) / 2)):
        found = at_matches(RIGHT, np.full_like(RIGHT, disparity))
        np.testing.assert_allclose(found[:, 3:], want, atol=1e-6)
        np.testing.assert_array_equal(found[:, 0], RIGHT[:, 0])


def test_scratch_changes_nothing_but_itself():
    disparity = np.full_like(RIGHT, 2)
    want = at_matches(RIGHT, disparity)
    assert (disparity == 2).all()
    np.testing.assert_array_equal(at_matches(RIGHT, disparity, scratch=disparity), want)
