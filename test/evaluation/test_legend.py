# SPDX-License-Identifier: Apache-2.0
"""Colour bars: ends, unit and the colour of unknown are on every picture, and letters stay inside."""

from __future__ import annotations

import numpy as np
import pytest

from geo_perception.evaluation import legend
from geo_perception.evaluation.panel import READABLE_WIDTH, Panel, grown
from geo_perception.preview import CONFIDENCE, UNKNOWN_RGB, ColourScale, depth_scale, error_scale

SCALES = [depth_scale(), depth_scale(0.5, 10), error_scale(), error_scale(0.02, 2), CONFIDENCE]


def test_ends_stand_for_what_is_beyond_them() -> None:
    scale = depth_scale(2, 80)
    labels = [legend.tick_label(scale, value) for value in scale.ticks()]
    assert labels == ["<2", "5", "10", "20", "50", ">80 m"]
    assert [legend.tick_label(CONFIDENCE, value) for value in (0, 1)] == ["0", "1"]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("width", [READABLE_WIDTH, 621, 1242])
def test_bar_runs_through_the_scale_and_unknown_stands_beside_it(scale: ColourScale, width: int) -> None:
    picture = legend.colour_legend(scale, width)
    assert picture.shape == (legend.LEGEND_HEIGHT, width, 3)
    row = picture[legend.TOP + legend.BAR_HEIGHT // 2]
    assert tuple(row[legend.MARGIN]) == tuple(scale.table[1, 0])
    end = max(np.flatnonzero((row == scale.table[255, 0]).all(-1)))
    assert (row[end + 2 : end + legend.MARGIN] == legend.PAPER).all()
    swatch = (row == UNKNOWN_RGB).all(-1)
    assert swatch[end:].sum() >= legend.SWATCH - 2 and not swatch[:end].any()
    inked = np.flatnonzero((picture < 128).all(-1).any(0))
    assert inked[-1] < width - 2, "letters are cut off"


def test_every_coloured_picture_has_its_scale_in_it_and_in_words() -> None:
    panel = Panel("depth: fused", np.zeros((20, 60, 3), np.uint8), depth_scale())
    shown = panel.with_legend()
    assert shown.shape[1] >= READABLE_WIDTH, "too narrow for its letters"
    assert panel.alt == "depth: fused; colours from 2 to 80 m, grey: unknown"
    plain = Panel("image", panel.rgb)
    assert plain.with_legend() is plain.rgb and plain.alt == "image"


def test_sparse_values_grow_and_known_ones_stay() -> None:
    values = np.full((5, 5), np.nan, np.float32)
    values[2, 2], values[2, 3] = 1.0, 3.0
    got = grown(values)
    assert (got[2, 2], got[2, 3]) == (1.0, 3.0)
    assert got[1, 1] == 1.0 and got[1, 2] == 3.0 and np.isnan(got[0]).all()
    assert np.isnan(grown(np.full((3, 3), np.nan, np.float32))).all()
