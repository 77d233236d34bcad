# SPDX-License-Identifier: Apache-2.0
"""Photographic augmentation: every effect does something, and only what it should."""

from dataclasses import asdict

import numpy as np
import pytest

from training.data.depth import Photographic
from training.data.depth.augmentation import REALISTIC, RENDERED, augment, turn_hue

NONE = Photographic(chance=0.0)
STYLES = {"public_2024": Photographic(), "realistic": REALISTIC, "rendered": RENDERED, "none": NONE}
IMAGE = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)


def test_none_changes_nothing():
    out = augment(IMAGE, NONE, np.random.default_rng(0))
    assert np.array_equal(out, IMAGE.astype(np.float32) / 255)


@pytest.mark.parametrize("name", STYLES)
def test_values_stay_in_range_and_repeat(name):
    for seed in range(20):
        out = augment(IMAGE, STYLES[name], np.random.default_rng(seed))
        assert out.dtype == np.float32 and out.shape == IMAGE.shape and 0 <= out.min() <= out.max() <= 1
        assert np.array_equal(out, augment(IMAGE, STYLES[name], np.random.default_rng(seed)))


@pytest.mark.parametrize(
    "option", ["brightness", "contrast", "saturation", "hue", "exposure_stops", "gamma", "white_balance",
               "blur_px", "noise", "jpeg", "grey", "sunlight", "smooth"],
)  # fmt: skip
def test_every_option_does_something_alone(option):
    off = dict.fromkeys(("brightness", "contrast", "saturation", "hue"), 0.0)
    options = Photographic(**{"chance": 1.0, **off, option: 1.0})
    assert any(
        np.abs(augment(IMAGE, options, np.random.default_rng(seed)) - IMAGE / 255).max() > 0.01
        for seed in range(3)
    )


def test_smooth_frames_lose_texture_and_keep_edges():
    image = np.full((48, 48, 3), 60, np.uint8)
    image[:, 24:] = 200
    textured = image.copy()
    textured[4::8, 4:20:8] = 250  # single pixels
    options, gone = Photographic(**{**asdict(NONE), "smooth": 1.0}), 0
    for seed in range(20):
        out = augment(textured, options, np.random.default_rng(seed))
        assert out.dtype == np.float32
        assert (
            np.abs(out[:, 2:22:8][::8] - 60 / 255).max() < 0.02
            and np.abs(out[:, 28:] - 200 / 255).max() < 0.02
        )
        gone += np.abs(out - image / 255)[:, 2:-2].max() < 0.02
    assert gone > 10  # medians; bilateral filters leave what stands out far


def test_a_full_turn_of_the_hue_is_none():
    image = IMAGE.astype(np.float32) / 255
    np.testing.assert_allclose(turn_hue(image, 1.0), image, atol=1e-3)
