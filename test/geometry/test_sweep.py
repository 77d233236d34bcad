# SPDX-License-Identifier: Apache-2.0
"""Beams without a return: what drivers write for them never becomes a surface."""

from __future__ import annotations

import numpy as np
import pytest

from geo_perception.errors import InputError
from geo_perception.geometry import drop_no_returns, require_returns

RETURN = [3.0, -1.0, 0.5, 0.7]
NONE = {
    "zeros": [0, 0, 0],
    "negative zeros": [-0.0, 0.0, -0.0],
    "a denormal": [1e-42, 0, 0],
    "a millimetre": [0, 0.001, 0],
    "nearer than any lidar measures": [0.05, 0.05, 0.05],
    "NaN": [np.nan] * 3,
    "one NaN": [1, 2, np.nan],
    "infinite": [np.inf, 0, 0],
    "beyond float32's squares": [1e30, 0, 0],
}


@pytest.mark.parametrize("point", NONE.values(), ids=NONE)
def test_what_is_no_return_goes_and_the_rest_stays_in_order(point):
    points = np.array([RETURN, [*point, 0.5], [0.2, 0, 0, 0], [*point, 0.0]], np.float32)
    np.testing.assert_array_equal(drop_no_returns(points), points[[0, 2]])
    with pytest.raises(InputError, match="none of the cloud's 2 points is"):
        require_returns(points[[1, 3]])


def test_a_sweep_of_returns_is_not_copied():
    points = np.array([RETURN] * 5, np.float32)
    assert drop_no_returns(points) is points and require_returns(points) is points


def test_zeros_that_were_moved_to_another_frame_go_too():
    returns = np.random.default_rng(0).uniform(-20, 20, (5000, 4)).astype(np.float32)
    moved = np.tile(np.float32([1.2, 0, 1.7, 0]), (800, 1))
    for points in (np.concatenate((moved, returns)), np.concatenate((returns, moved))):
        np.testing.assert_array_equal(drop_no_returns(points), returns)
    both = np.concatenate((np.zeros((900, 4), np.float32), returns, moved))
    np.testing.assert_array_equal(drop_no_returns(both), returns)


def test_each_of_several_joined_lidars_has_such_a_point():
    returns = np.random.default_rng(0).uniform(-20, 20, (5000, 4)).astype(np.float32)
    places = np.float32([[1.2, 0.6, 1.7, 0], [1.2, -0.6, 1.7, 0], [-0.8, 0, 1.1, 0], [0, 0, 0, 0]])
    points = np.concatenate((np.repeat(places, 400, axis=0), returns))
    np.testing.assert_array_equal(drop_no_returns(points), returns)


def test_rings_on_flat_ground_do_not_hide_such_a_point():
    angle = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    quarter = np.float32(
        [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]
    )  # ranges that are equal to the last bit
    ring = np.concatenate([(3 + i / 64) * quarter for i in range(250)]).astype(np.float32)
    ground = np.stack((3 * np.cos(angle), 3 * np.sin(angle), 0 * angle), axis=1).astype(np.float32)
    returns = np.concatenate((ring, ground))
    points = np.concatenate((returns, np.tile(np.float32([4.2, 0, 1.7]), (300, 1))))
    np.testing.assert_array_equal(drop_no_returns(points), returns)


def test_small_sweeps_have_them_too():
    returns = np.random.default_rng(0).uniform(-20, 20, (300, 4)).astype(np.float32)
    points = np.concatenate((returns, np.tile(np.float32([1.2, 0, 1.7, 0]), (60, 1))))
    np.testing.assert_array_equal(drop_no_returns(points), returns)


def test_points_that_repeat_now_and_then_stay():
    points = np.random.default_rng(0).uniform(-20, 20, (5000, 4)).astype(np.float32)
    points[::200] = points[0]  # 0.5 %
    assert drop_no_returns(points) is points


def test_an_empty_sweep_is_no_error():
    assert require_returns(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_the_reason_is_told():
    with pytest.raises(InputError, match="is finite"):
        require_returns(np.full((3, 4), np.nan, np.float32))
    with pytest.raises(InputError, match=r"nearer than 0\.1 m .*0, 0, 0"):
        require_returns(np.zeros((3, 4), np.float32))
    with pytest.raises(InputError, match=r"\(N, 3\) or wider, got \(3, 2\)"):
        drop_no_returns(np.zeros((3, 2), np.float32))
