# SPDX-License-Identifier: Apache-2.0
"""Depth is unknown where rectification left no picture, and nowhere else, however dark it is."""

from __future__ import annotations

import numpy as np
import pytest

from geo_perception.geometry import PinholeCamera
from geo_perception.geometry.rectification import LensModel, Rectification
from geo_perception.pipelines.unseen import black_note, blank_unseen

K = (80.0, 0.0, 63.5, 0.0, 80.0, 47.5, 0.0, 0.0, 1.0)
UPRIGHT = (1.0, 0, 0, 0, 1, 0, 0, 0, 1)
SIZE = (96, 128)


def camera(d=(0.3, 0, 0, 0, 0)) -> PinholeCamera:
    lens = LensModel.of("plumb_bob", d)
    return PinholeCamera(80.0, 80.0, 63.5, 47.5, 128, 96, Rectification(K, lens, UPRIGHT, (128, 96)))


def picture(black: np.ndarray, level: int = 0) -> np.ndarray:
    image = np.random.default_rng(0).integers(40, 255, (*SIZE, 3), np.uint8)
    image[black] = level
    return image


def blanked(image: np.ndarray, of: PinholeCamera | None) -> np.ndarray:
    depth_m = np.full(SIZE, 2.0, np.float32)
    blank_unseen(depth_m, image, of)
    return np.isnan(depth_m)


@pytest.mark.parametrize("level", [0, 10])  # exact, and after JPEG
def test_what_rectification_left_black_is_unknown(level):
    outside = camera().outside
    assert outside is not None and 0.05 < outside.mean() < 0.5
    np.testing.assert_array_equal(blanked(picture(outside, level), camera()), outside)


def test_ringing_at_its_edge_is_unknown_too():
    outside = camera().outside
    image = picture(outside)
    image[outside & (np.random.default_rng(1).random(SIZE) < 0.05)] = 60
    np.testing.assert_array_equal(blanked(image, camera()), outside)


def test_an_image_that_came_unrectified_keeps_its_depth():
    image = picture(np.zeros(SIZE, np.bool_))
    assert not blanked(image, camera()).any()


def test_dark_scenes_keep_their_depth():
    night = np.zeros((*SIZE, 3), np.uint8)
    for known in (None, PinholeCamera(80.0, 80.0, 63.5, 47.5, 128, 96), camera((-0.1, 0, 0, 0, 0))):
        assert not blanked(night, known).any()
    np.testing.assert_array_equal(blanked(night, camera()), camera().outside)


def test_crops_and_other_sizes_keep_their_border():
    whole = camera().outside
    np.testing.assert_array_equal(camera().cropped(0, 0, 40, 30).outside, whole[:30, :40])
    half = camera().scaled(64, 48).outside
    assert (half == whole[::2, ::2]).mean() > 0.97


def test_a_black_image_is_noted():
    image = picture(np.zeros(SIZE, np.bool_))
    assert black_note(image) == ""
    image[:90] = 0
    assert black_note(image) == "94% of the image is black: its depth is a guess"
