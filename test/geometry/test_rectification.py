# SPDX-License-Identifier: Apache-2.0
"""Lens models of any length: those with one meaning are taken, the others refused in one line, none reaches OpenCV."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_perception.errors import InputError
from geo_perception.geometry.rectification import LensModel, Rectification

K = (80.0, 0.0, 63.5, 0.0, 80.0, 47.5, 0.0, 0.0, 1.0)
UPRIGHT = (1.0, 0, 0, 0, 1, 0, 0, 0, 1)
WIDTH, HEIGHT = 128, 96


def rectification(model: str, d, R=UPRIGHT) -> Rectification:
    return Rectification(K, LensModel.of(model, d), R, (WIDTH, HEIGHT))


def maps(model: str, d, R=UPRIGHT):
    return rectification(model, d, R).maps(np.reshape(K, (3, 3)), WIDTH, HEIGHT)


def radial(x: float, y: float, terms: list[float]) -> tuple[float, float]:
    """Where Brown's radial terms (with the rational denominator behind three of them) move a ray, in pixels."""
    r2 = x * x + y * y
    k = [*terms, 0, 0, 0, 0, 0, 0][:6]
    factor = (1 + k[0] * r2 + k[1] * r2**2 + k[2] * r2**3) / (1 + k[3] * r2 + k[4] * r2**2 + k[5] * r2**3)
    return 80 * x * factor + 63.5, 80 * y * factor + 47.5


@pytest.mark.parametrize(
    ("model", "d", "terms"),
    [
        ("plumb_bob", [0.1], [0.1]),
        ("plumb_bob", [0.1, -0.02], [0.1, -0.02]),
        ("plumb_bob", [0.1, -0.02, 0.0], [0.1, -0.02]),
        ("plumb_bob", [0.1, -0.02, 0, 0], [0.1, -0.02]),
        ("plumb_bob", [0.1, -0.02, 0, 0, 0.01], [0.1, -0.02, 0.01]),
        ("plumb_bob", [0.1, -0.02, 0, 0, 0.01, 0, 0], [0.1, -0.02, 0.01]),
        ("plumb_bob", [0.1, -0.02, 0, 0, 0.01, 0.05, 0.02, 0.01], [0.1, -0.02, 0.01, 0.05, 0.02, 0.01]),
        (
            "rational_polynomial",
            [0.1, -0.02, 0, 0, 0.01, 0.05, 0.02, 0.01],
            [0.1, -0.02, 0.01, 0.05, 0.02, 0.01],
        ),
        ("rational_polynomial", [0.1, -0.02, 0, 0, 0.01], [0.1, -0.02, 0.01]),
        ("rational_polynomial", [0.1, -0.02, 0, 0, 0.01, *[0.0] * 9], [0.1, -0.02, 0.01]),
        ("thin_prism", [0.1, -0.02, 0, 0, 0.01, *[0.0] * 7], [0.1, -0.02, 0.01]),
        ("radtan", [0.1, -0.02, 0, 0], [0.1, -0.02]),
    ],
)
def test_counts_with_one_meaning_are_taken(model, d, terms):
    columns, rows = maps(model, d)
    for u, v in ((63, 47), (100, 47), (90, 80)):
        x, y = (u - 63.5) / 80, (v - 47.5) / 80
        assert (columns[v, u], rows[v, u]) == pytest.approx(radial(x, y, terms), abs=1e-3)


@pytest.mark.parametrize(
    "d", [[0.1], [0.1, 0.02], [0.1, 0.02, 0.003], [0.1, 0.02, 0.003, 0.001], [0, 0, 0, 0]]
)
@pytest.mark.parametrize("model", ["equidistant", "fisheye"])
def test_equidistant_lenses_follow_kannala_and_brandt(model, d):
    columns, _ = maps(model, d)
    x = (100 - 63.5) / 80  # near the middle row
    y = (47 - 47.5) / 80
    r = np.hypot(x, y)
    theta = np.arctan(r)
    k = [*d, 0, 0, 0][:4]
    bent = theta * (1 + sum(value * theta ** (2 * i + 2) for i, value in enumerate(k)))
    assert columns[47, 100] == pytest.approx(80 * x * bent / r + 63.5, abs=1e-3)
    assert LensModel.of(model, d).distorts


@pytest.mark.parametrize(
    ("model", "d", "said"),
    [
        ("plumb_bob", [0.1, 0.1, 0.1], "plumb_bob has 2, 4, 5, 8, 12, 14 distortion coefficients, got 3"),
        ("plumb_bob", [0.1] * 6, "got 6"),
        ("plumb_bob", [0.1] * 7, "got 7"),
        ("rational_polynomial", [0.1] * 15, "got 15"),
        ("equidistant", [0.1] * 5, "equidistant has 1, 2, 3, 4 distortion coefficients, got 5"),
        ("plumb_bob", [np.nan] * 5, "must be finite"),
        ("omni", [0.1] * 5, "distortion_model 'omni' is not one of plumb_bob, rational_polynomial"),
        ("", [0.1] * 5, "5 distortion coefficients .* need a model, got ''"),
    ],
)
def test_others_are_refused_in_one_line(model, d, said):
    with pytest.raises(InputError, match=said):
        LensModel.of(model, d)


def test_no_distortion_needs_no_model():
    assert not LensModel.of("", []).distorts and not LensModel.of("none", [0, 0, 0]).distorts


@pytest.mark.parametrize(
    "R", [(0.0,) * 9, (2.0, 0, 0, 0, 2, 0, 0, 0, 2), (1.0, 0, 0, 0, 1, 0, 0, 0, -1), (np.nan,) * 9]
)
def test_a_rectification_turns_and_does_nothing_else(R):
    with pytest.raises(InputError, match="rectification matrix must be a rotation"):
        rectification("plumb_bob", [0.1] * 5, R)


def test_pixels_without_a_source_are_outside():
    outside = rectification("plumb_bob", [0.2, 0.05, 0, 0, 0]).outside(np.reshape(K, (3, 3)), WIDTH, HEIGHT)
    assert outside[0, 0] and not outside[47, 63]
    edge = [radial((u - 63.5) / 80, -0.5 / 80, [0.2, 0.05])[0] > WIDTH - 1 for u in range(WIDTH)]
    np.testing.assert_array_equal(outside[47, 64:], edge[64:])


def test_where_a_model_folds_back_there_is_no_picture():
    outside = rectification("plumb_bob", [-0.6, 0, 0, 0, 0]).outside(np.reshape(K, (3, 3)), WIDTH, HEIGHT)
    radius = 1 / np.sqrt(3 * 0.6)  # r (1 - 0.6 r^2) falls from here on, and r_d never leaves the image
    x = (np.arange(WIDTH) - 63.5) / 80
    np.testing.assert_array_equal(outside[47, 1:-1], (np.abs(x) > radius)[1:-1])


@given(
    st.sampled_from(["plumb_bob", "rational_polynomial", "equidistant", "thin_prism", "none", "x"]),
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=16),
)
def test_any_coefficients_give_maps_or_one_error(model, d):
    try:
        columns, rows = maps(model, d)
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert np.isfinite(columns).all() and np.isfinite(rows).all()
