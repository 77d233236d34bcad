# SPDX-License-Identifier: Apache-2.0
"""The pipeline as a whole: accuracy on a known scene, degraded modes, errors, repeatability."""

import numpy as np
import pytest
from helpers.plane import plane_frame

from geo_perception.errors import ConfigError, InputError
from geo_perception.pipelines import StereoLidarFusion, StereoLidarFusionConfig


@pytest.fixture(scope="module")
def frame():
    return plane_frame()


def run(frame, pipeline=None, **changes):
    values = {
        name: getattr(frame, name) for name in ("left", "right", "points_lidar", "rig", "camera_from_lidar")
    }
    return (pipeline or StereoLidarFusion())(**{**values, **changes})


def error(depth, frame):
    return float(np.abs(depth - frame.depth_truth_m)[40:].mean())


def test_fused_depth_is_near_the_truth_and_better_than_stereo(frame):
    result = run(frame)
    assert np.isfinite(result.depth_m).mean() > 0.99  # a corner of the far wall is unknown
    assert error(result.depth_m, frame) < min(0.9, error(result.stereo_depth_m, frame))


def test_same_input_gives_the_same_bits(frame):
    pipeline = StereoLidarFusion()
    first, second = run(frame, pipeline), run(frame, pipeline)
    assert first.depth_m.tobytes() == second.depth_m.tobytes()
    assert first.confidence.tobytes() == second.confidence.tobytes()


def test_without_lidar_stereo_stands_alone(frame):
    for points in (None, np.zeros((0, 4), np.float32), np.full((5, 4), np.nan, np.float32)):
        result = run(frame, points_lidar=points)
        assert result.lidar_depth_m is None and not result.confidence.any()
        known = np.isfinite(result.depth_m)
        assert known.mean() > 0.95
        np.testing.assert_array_equal(result.depth_m[known], result.stereo_depth_m[known])


def test_points_that_are_no_returns_change_nothing(frame):
    none = np.zeros((500, 4), np.float32)
    none[::3, 1] = 1e-3
    none[1::3] = np.nan
    want, got = run(frame), run(frame, points_lidar=np.concatenate((none, frame.points_lidar)))
    assert got.depth_m.tobytes() == want.depth_m.tobytes() and got.no_returns == 500
    alone = run(frame, points_lidar=none)
    assert (
        alone.lidar_depth_m is None
        and alone.depth_m.tobytes() == run(frame, points_lidar=None).depth_m.tobytes()
    )


def test_without_right_image_lidar_stands_alone(frame):
    result = run(frame, right=None)
    assert result.stereo_depth_m is None and (result.confidence == 1).all()
    assert error(result.depth_m, frame) < 1.0


def test_without_both_there_is_nothing(frame):
    with pytest.raises(InputError, match="neither"):
        run(frame, right=None, points_lidar=None)


def test_given_disparity_replaces_the_matcher(frame):
    exact = frame.rig.disparity_from_depth(frame.depth_truth_m)
    result = run(frame, disparity_px=exact)
    np.testing.assert_allclose(result.stereo_depth_m, frame.depth_truth_m, rtol=1e-4)


def test_depth_ends_at_the_limit(frame):
    result = run(frame, StereoLidarFusion(StereoLidarFusionConfig(max_depth_m=15.0)))
    assert np.nanmax(result.depth_m) <= 15.0 + 1e-4
    assert np.isnan(result.depth_m[:20]).all()  # the wall behind is farther


@pytest.mark.parametrize(
    "change", [{"left": np.zeros((96, 300, 3), np.uint8)}, {"right": np.zeros((96, 320), np.uint8)}]
)
def test_wrong_image_sizes_are_named(frame, change):
    (name,) = change
    with pytest.raises(InputError, match=rf"{name} image must be \(96, 320, 3\)"):
        run(frame, **change)


@pytest.mark.parametrize(
    "options",
    [
        {"stereo": "magic"},
        {"completion": "x"},
        {"fusion": ""},
        {"precision": "int4"},
        {"max_depth_m": float("nan")},
    ],
)
def test_unknown_choices_list_what_exists(options):
    (name,) = options
    with pytest.raises(ConfigError, match=name):
        StereoLidarFusionConfig(**options)
