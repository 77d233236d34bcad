# SPDX-License-Identifier: Apache-2.0
"""How near stereo sees: the search follows the rig, and what lies nearer never becomes the background."""

import numpy as np
import pytest
from helpers.near_scene import BOX, BOX_PX, near_scene

from geo_perception.errors import ConfigError
from geo_perception.pipelines import StereoLidarFusion, StereoLidarFusionConfig
from geo_perception.pipelines.stereo_lidar_fusion.search_range import SearchRange, search_px

KITTI = 384.4  # px m


@pytest.mark.parametrize(
    "focal_baseline, min_depth_m, width, want",
    [
        (KITTI, 3.0, 1242, 128),
        (2 * KITTI, 3.0, 2484, 256),  # images of twice the size
        (KITTI, 1.0, 1242, 384),
        (4 * KITTI, 3.0, 1242, 512),  # a wide baseline
        (40 * KITTI, 3.0, 1242, 624),  # no farther than half the image
        (30.0, 3.0, 640, 128),  # a short baseline loses nothing of what it could see
    ],
)
def test_the_search_follows_the_rig(focal_baseline, min_depth_m, width, want):
    assert search_px(focal_baseline, min_depth_m, width) == want


def test_the_range_is_said_and_whether_it_is_enough():
    enough, short = SearchRange(128, KITTI, 3.0), SearchRange(128, KITTI, 1.0)
    assert str(enough) == "stereo searches 128 px of disparity: nothing nearer than 3.03 m"
    assert not enough.is_short
    assert short.is_short and "min_depth_m is 1" in str(short)


@pytest.mark.parametrize("value", [0.0, -1.0, 80.0, float("nan")])
def test_a_nearest_depth_that_cannot_be_is_refused(value):
    with pytest.raises(ConfigError, match=r"min_depth_m must be at least 0\.1 and below max_depth_m 80"):
        StereoLidarFusionConfig(min_depth_m=value)


def shares(frame, points, **options):
    """Of the box's pixels: right within a tenth, unknown, and a quarter too far."""
    pipeline = StereoLidarFusion(StereoLidarFusionConfig(fusion="confidence", **options))
    result = pipeline(frame.left, frame.right, points, frame.rig, frame.camera_from_lidar)
    scale = frame.left.shape[0] // 240
    box = tuple(slice(scale * s.start, scale * s.stop) for s in BOX)
    ratio = result.depth_m[box] / (frame.rig.focal_baseline / (scale * BOX_PX))
    return (np.abs(ratio - 1) < 0.1).mean(), np.isnan(ratio).mean(), (ratio > 1.25).mean()


@pytest.mark.parametrize("stereo", ["sgbm", "sgbm_fast"])
@pytest.mark.parametrize("unknown", ["nan", "limit"])
@pytest.mark.parametrize("scale", [1, 2])
def test_stereo_alone_does_not_know_what_is_nearer_than_it_searches(stereo, unknown, scale):
    _, missing, far = shares(near_scene(scale), None, stereo=stereo, unknown=unknown, min_depth_m=2.0)
    assert far < (0.02 if unknown == "nan" else 0.15) and missing > 0.8


@pytest.mark.parametrize("stereo", ["sgbm", "sgbm_fast"])
@pytest.mark.parametrize("unknown", ["nan", "limit"])
def test_nor_what_is_more_than_four_times_as_near(stereo, unknown):
    _, missing, far = shares(near_scene(3), None, stereo=stereo, unknown=unknown, min_depth_m=6.0)
    assert far < 0.05 and missing > 0.8


@pytest.mark.parametrize("unknown", ["nan", "limit"])
def test_the_lidar_knows_it(unknown):
    frame = near_scene()
    right, _, far = shares(frame, frame.points_lidar, unknown=unknown)
    assert right > 0.95 and far < 0.04  # what is left is the edge, between two returns


def test_a_nearer_search_sees_it():
    right, _, far = shares(near_scene(), None, min_depth_m=1.0)
    assert right > 0.9 and far < 0.02


def test_the_wall_around_is_not_lost():
    frame = near_scene()
    pipeline = StereoLidarFusion(StereoLidarFusionConfig(fusion="confidence"))
    depth_m = pipeline(frame.left, frame.right, None, frame.rig, frame.camera_from_lidar).depth_m
    wall = np.abs(depth_m / frame.depth_truth_m - 1)[:100, 30:]
    assert (wall < 0.1).mean() > 0.97
