# SPDX-License-Identifier: Apache-2.0
"""Preview pictures: unknown and nothing else is grey, order of depth is order of colour, ticks are where values are."""

from __future__ import annotations

import numpy as np
import pytest

from geo_perception import preview
from geo_perception.errors import InputError

DEPTH_M = np.array([[np.nan, 0.1, 2.0, 5.0, 20.0, 79.0, 500.0]], np.float32)


def test_only_unknown_depth_has_the_colour_of_unknown():
    unknown = (preview.colourise_depth(DEPTH_M) == preview.UNKNOWN_RGB).all(-1)
    np.testing.assert_array_equal(unknown, np.isnan(DEPTH_M))


@pytest.mark.parametrize("table", [preview.NEAR_WARM, preview.COLD_HOT, preview.GREEN])
def test_no_value_looks_unknown(table):
    difference = np.abs(table[1:].astype(int) - preview.UNKNOWN_RGB).max(-1)
    assert difference.min() > 20


def test_ticks_are_round_numbers_at_the_places_of_their_colours():
    scale = preview.depth_scale(2.0, 80.0)
    assert scale.ticks() == [2, 5, 10, 20, 50, 80]
    assert preview.error_scale(0.02, 2.0).ticks() == [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2]
    assert preview.CONFIDENCE.ticks() == [0, 0.25, 0.5, 0.75, 1]
    np.testing.assert_allclose(scale.position(np.array([2.0, np.sqrt(160), 80.0])), [0, 0.5, 1], atol=1e-6)
    bar = scale.table[1:, 0]
    place = round(float(scale.position(np.float32([20.0]))[0]) * (len(bar) - 1))
    near = np.abs(bar[place].astype(int) - scale.colourise(np.float32([[20.0]]))[0, 0]).max()
    assert near <= 4, "a tick stands beside its colour"


def test_near_is_red_far_is_blue_and_beyond_takes_the_end_colour():
    picture = preview.colourise_depth(DEPTH_M).astype(int)[0]
    assert picture[2, 0] > picture[2, 2]
    assert picture[5, 2] > picture[5, 0]
    np.testing.assert_array_equal(picture[1], picture[2])
    np.testing.assert_array_equal(picture[6], preview.colourise_depth(np.float32([[80.0]]))[0, 0])


def test_confidence_spans_the_table():
    picture = preview.CONFIDENCE.colourise(np.array([[np.nan, 0.0, 1.0]], np.float32))
    np.testing.assert_array_equal(
        picture[0], [preview.UNKNOWN_RGB, preview.GREEN[1, 0], preview.GREEN[255, 0]]
    )


def test_error_grows_brighter_and_is_unknown_without_truth():
    picture = preview.error_scale().colourise(np.array([[0.02, 0.5, 15.0, np.nan]], np.float32))
    brightness = picture[0].astype(int).sum(-1)
    assert brightness[0] < brightness[1] < brightness[2]
    assert tuple(picture[0, 3]) == preview.UNKNOWN_RGB


def test_overlay_draws_returns_and_leaves_the_rest():
    rgb, sparse_m = np.full((9, 9, 3), 77, np.uint8), np.full((9, 9), np.nan, np.float32)
    sparse_m[4, 4] = 10.0
    picture = preview.overlay_depth(rgb, sparse_m)
    assert (picture != 77).any(-1).sum() == 9
    assert (rgb == 77).all()


@pytest.mark.parametrize("limits", [(0.0, 10.0), (5.0, 5.0), (9.0, 3.0), (1.0, np.inf)])
def test_bad_ranges_are_refused(limits):
    with pytest.raises(InputError, match="0 < min < max"):
        preview.colourise_depth(DEPTH_M, *limits)
