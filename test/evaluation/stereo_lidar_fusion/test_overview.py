# SPDX-License-Identifier: Apache-2.0
"""The overview of a report: readable for images of any size."""

from __future__ import annotations

import numpy as np
import pytest

from geo_perception.errors import InputError
from geo_perception.evaluation.legend import TITLE_HEIGHT
from geo_perception.evaluation.panel import PANEL_WIDTH, READABLE_WIDTH, Panel, overview

LONG = (
    "this model: error when scaled by 1.06, dark 2 cm, bright 2 m, and what else there is to say of it here"
)


def _panels(width: int, title: str) -> list[Panel]:
    picture = np.full((width // 2, width, 3), 100, np.uint8)
    return [Panel(title, picture), Panel("other", picture), Panel("cloud", np.zeros((300, 828, 3), np.uint8))]


@pytest.mark.parametrize("width", [8, 160, 256, 320, 640, 1242])
def test_every_panel_is_wide_enough_for_its_title(width: int) -> None:
    shown = overview(_panels(width, LONG))
    column = shown.shape[1] // 2
    assert READABLE_WIDTH <= column <= PANEL_WIDTH
    strip = shown[:TITLE_HEIGHT, :column]
    inked = np.flatnonzero(strip.min((0, 2)) < 128)
    assert len(inked) and inked[-1] < column - 2, "the title is cut off"
    assert (shown[TITLE_HEIGHT + 2 : column // 2, 2 : column - 2] == 100).all(), "the picture is not below it"


def test_short_titles_look_alike_at_every_width() -> None:
    narrow, wide = (overview(_panels(width, "image"))[:TITLE_HEIGHT, :100] for width in (480, 600))
    assert (narrow == wide).all()


def test_an_overview_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="at least one panel"):
        overview([])
