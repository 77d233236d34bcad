# SPDX-License-Identifier: Apache-2.0
"""What was measured, and what was filled in: sky is unknown, a bare patch of a wall is not."""

import numpy as np
import pytest
from helpers.near_scene import SKY_ROWS, near_scene
from helpers.plane import plane_frame

from geo_perception.errors import ConfigError
from geo_perception.geometry import PinholeCamera
from geo_perception.pipelines import StereoLidarFusion, StereoLidarFusionConfig
from geo_perception.pipelines.stereo_lidar_fusion.measured import (
    between_measured,
    matching_margin,
    small_grey,
)

CAMERA = PinholeCamera(400.0, 400.0, 79.5, 59.5, 160, 120)


def depth_of(frame, points, **options):
    pipeline = StereoLidarFusion(StereoLidarFusionConfig(fusion="confidence", **options))
    return pipeline(frame.left, frame.right, points, frame.rig, frame.camera_from_lidar).depth_m


@pytest.mark.parametrize("lidar", [True, False])
def test_sky_is_unknown_and_the_wall_below_is_not(lidar):
    frame = near_scene(sky=True)
    depth_m = depth_of(frame, frame.points_lidar if lidar else None)
    assert np.isfinite(depth_m[: SKY_ROWS - 12]).mean() < 0.02
    assert np.isfinite(depth_m[SKY_ROWS + 2 : 100, 30:]).mean() > 0.97


def test_with_limit_sky_has_a_depth_of_at_most_the_limit():
    frame = plane_frame()
    depth_m = depth_of(frame, frame.points_lidar, unknown="limit", max_depth_m=15.0)
    assert np.isfinite(depth_m).all() and depth_m.max() <= 15.0 + 1e-4
    assert np.isnan(depth_of(frame, frame.points_lidar, max_depth_m=15.0)).any()


def test_beyond_the_farthest_depth_nothing_is_known():
    frame = near_scene()
    depth_m = depth_of(frame, None, max_depth_m=8.0)  # the wall stands at 12.5 m
    assert np.isfinite(depth_m[:100]).mean() < 0.02


def test_other_words_are_refused():
    with pytest.raises(ConfigError, match=r"unknown must be one of .*'zero'"):
        StereoLidarFusionConfig(unknown="zero")


def test_a_match_stands_out_by_its_texture_whatever_the_exposures():
    frame = near_scene(sky=True)
    wall_px = np.full(frame.left.shape[:2], 20, np.float32)
    darker = (frame.right * np.float32(0.8) + 10).astype(np.uint8)
    for right in (frame.right, darker):
        margin = matching_margin(small_grey(frame.left), small_grey(right), wall_px, farthest_px=3.0)
        assert margin.shape == (120, 320)
        assert np.median(margin[SKY_ROWS // 2 + 3 : 50, 20:]) > 5
        assert np.median(np.abs(margin[: SKY_ROWS // 2 - 5])) < 0.5


def gap(rows, values):
    """A column strip measured but for some rows, with those disparities above, inside and below."""
    measured = np.ones((120, 160), np.bool_)
    measured[rows] = False
    disparity = np.full((120, 160), values[1], np.float32)
    disparity[: rows.start], disparity[rows.stop :] = values[0], values[2]
    return between_measured(measured, disparity, CAMERA)[rows]


def test_a_gap_in_one_surface_is_known():
    assert gap(slice(40, 80), (20, 20.5, 21)).all()


@pytest.mark.parametrize("values", [(20, 20, 40), (20, 30, 20), (5, 20, 20)])
def test_a_gap_between_surfaces_is_not(values):
    assert not gap(slice(40, 80), values).any()


def test_nor_one_that_is_too_wide_or_open():
    assert not gap(slice(30, 95), (20, 20, 20)).any()
    assert not gap(slice(0, 30), (20, 20, 20)).any()


def test_gaps_are_filled_as_pixel_by_pixel():
    rng = np.random.default_rng(0)
    measured = rng.random((60, 80)) < 0.1
    disparity = np.where(rng.random((60, 80)) < 0.1, np.float32(np.nan), rng.normal(20, 1, (60, 80)))
    camera = PinholeCamera(100.0, 100.0, 79.5, 59.5, 160, 120)  # gaps of 7 px at half the size
    large = (a.repeat(2, axis=0).repeat(2, axis=1) for a in (measured, disparity.astype(np.float32)))
    found = between_measured(*large, camera)[::2, ::2]
    expected = pixelwise(measured, disparity, 7) | pixelwise(measured.T, disparity.T, 7).T
    assert 100 < expected.sum() < (~measured).sum() - 100
    np.testing.assert_array_equal(found, expected)


def pixelwise(measured, disparity, max_gap):
    found = np.zeros_like(measured)
    for row, column in np.argwhere(~measured):
        before, after = (
            np.flatnonzero(measured[row, :column]),
            np.flatnonzero(measured[row, column:]) + column,
        )
        if before.size and after.size and after[0] - before[-1] <= max_gap:
            three = disparity[row, [before[-1], column, after[0]]]
            found[row, column] = np.ptp(three) <= max(1.0, 0.1 * three.max())
    return found
