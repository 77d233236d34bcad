# SPDX-License-Identifier: Apache-2.0
"""Semi-global matching and background filling."""

import numpy as np
import pytest
from helpers.plane import plane_frame

from geo_perception.errors import ConfigError, InputError
from geo_perception.pipelines.stereo_lidar_fusion.sgbm import Sgbm, SgbmConfig, fill_background


def test_matched_pixels_have_the_true_disparity():
    frame = plane_frame()
    disparity, matched = Sgbm(SgbmConfig(max_disparity_px=64))(frame.left, frame.right)
    want = frame.rig.disparity_from_depth(frame.depth_truth_m)
    assert matched.mean() > 0.7
    assert np.median(np.abs(disparity - want)[matched]) < 0.25


@pytest.mark.parametrize("columns", [320, 319])
def test_half_the_columns_give_nearly_the_same_disparity(columns):
    frame = plane_frame()
    pair = frame.left[:, :columns], frame.right[:, :columns]
    want, matched = Sgbm()(*pair)
    got, got_matched = Sgbm(SgbmConfig(column_step=2))(*pair)
    assert got.shape == want.shape and got.dtype == np.float32 and got_matched.dtype == np.bool_
    both = matched & got_matched
    assert both.mean() > 0.7
    assert np.median(np.abs(got - want)[both]) < 0.5


def test_every_pixel_is_filled():
    frame = plane_frame()
    disparity, matched = Sgbm(SgbmConfig(max_disparity_px=64))(frame.left, frame.right)
    assert (disparity > 0).all()
    assert not matched.all()


def test_holes_take_the_background_beside_them():
    disparity = np.array([[9, 0, 0, 3, 0, 5]], np.float32)
    assert fill_background(disparity, disparity > 0).tolist() == [[9, 3, 3, 3, 3, 5]]


def test_empty_rows_take_the_nearest_row_and_an_empty_image_stays_zero():
    disparity = np.array([[0, 0], [4, 2], [0, 0], [0, 0]], np.float32)
    assert fill_background(disparity, disparity > 0).tolist() == [[4, 2]] * 4
    assert not fill_background(np.zeros((2, 3), np.float32), np.zeros((2, 3), bool)).any()


def filled_pixel(row, known, column):
    """What a pixel of a row with some known ones takes, said plainly."""
    sides = [row[:column][known[:column]][-1:], row[column:][known[column:]][:1]]
    return row[column] if known[column] else np.concatenate(sides).min()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_filling_equals_its_definition_pixel_by_pixel(share):
    random = np.random.default_rng(0)
    disparity = random.uniform(1, 90, (20, 30)).astype(np.float32)
    known = random.random(disparity.shape) < share
    known[np.arange(20), random.integers(0, 30, 20)] = True  # empty rows are another test's
    want = [
        [filled_pixel(*pair, column) for column in range(30)] for pair in zip(disparity, known, strict=True)
    ]
    assert np.array_equal(fill_background(disparity, known), want)


@pytest.mark.parametrize(
    "options", [{"max_disparity_px": 100}, {"max_disparity_px": 0}, {"block_px": 4}, {"column_step": 3}]
)
def test_bad_settings_are_named(options):
    (name, value), *_ = options.items()
    with pytest.raises(ConfigError, match=f"{name}.*{value}"):
        SgbmConfig(**options)


def test_different_sizes_are_refused():
    image = np.zeros((32, 64, 3), np.uint8)
    with pytest.raises(InputError, match="32, 60"):
        Sgbm()(image, image[:, :60])
