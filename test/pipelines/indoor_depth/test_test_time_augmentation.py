# SPDX-License-Identifier: Apache-2.0
"""How often an image is looked at: mirrored, in a smaller form, by another model."""

import numpy as np
import pytest
import torch
from helpers.indoor_model import picture, untrained_model

from geo_perception.errors import WeightsError
from geo_perception.pipelines import IndoorDepth, IndoorDepthConfig
from geo_perception.pipelines.indoor_depth.resizing import resize


def test_the_mirrored_image_counts_as_much_as_the_image(pipeline, model):
    image = picture(64, 64)
    mirrored = np.ascontiguousarray(image[:, ::-1])
    both = IndoorDepth(IndoorDepthConfig(model=model, precision="float32", flip_augmentation="on"))
    one, other = pipeline(image).depth_m, pipeline(mirrored).depth_m[:, ::-1]
    assert np.abs(one / other - 1).max() > 2e-3  # there is something to average
    np.testing.assert_allclose(both(image).depth_m, np.sqrt(one * other), rtol=3e-5)
    np.testing.assert_allclose(both(mirrored).depth_m[:, ::-1], both(image).depth_m, rtol=3e-5)


def test_the_card_may_ask_for_the_mirrored_image(pipeline, tmp_path):
    folder = untrained_model(tmp_path / "m", flip=True)
    depths = {
        how: IndoorDepth(IndoorDepthConfig(model=folder, precision="float32", flip_augmentation=how))(
            picture()
        ).depth_m
        for how in ("card", "on", "off")
    }
    np.testing.assert_array_equal(depths["card"], depths["on"])
    np.testing.assert_array_equal(depths["off"], pipeline(picture()).depth_m)
    assert not np.array_equal(depths["on"], depths["off"])


def test_the_smaller_form_counts_as_much_as_the_image(tmp_path):
    folder = untrained_model(tmp_path / "m", size=[128, 160], multi_scale={"size": [64, 96]})
    alone, both = (
        IndoorDepth(IndoorDepthConfig(model=folder, precision="float32", multi_scale=multi_scale))
        for multi_scale in (False, True)
    )
    small = IndoorDepth(
        IndoorDepthConfig(model=folder, precision="float32", network_height=64, network_width=96)
    )
    image = resize(picture(), (128, 160))
    seen, small_m = alone(image).depth_m, small(image).depth_m
    np.testing.assert_allclose(both(image).depth_m, np.sqrt(seen * small_m), rtol=1e-5)
    assert np.abs(seen / small_m - 1).max() > 1e-3


def test_the_smaller_form_has_the_share_that_the_card_says(tmp_path):
    size, small = [128, 160], {"size": [64, 96]}
    even = untrained_model(tmp_path / "even", size=size, multi_scale=small)
    less = untrained_model(tmp_path / "less", size=size, multi_scale={**small, "share": 0.25})
    image = resize(picture(), (128, 160))
    half, quarter = (
        IndoorDepth(IndoorDepthConfig(model=folder, precision="float32"))(image).depth_m
        for folder in (even, less)
    )
    alone = IndoorDepth(IndoorDepthConfig(model=even, precision="float32", multi_scale=False))(image).depth_m
    small_m = half**2 / alone
    np.testing.assert_allclose(quarter, alone**0.75 * small_m**0.25, rtol=1e-5)


def test_another_model_may_take_the_smaller_form(tmp_path):
    other = untrained_model(tmp_path / "other", seed=1, size=[64, 96])
    folder = untrained_model(tmp_path / "m", size=[128, 160], multi_scale={"size": [64, 96], "model": other})
    both = IndoorDepth(IndoorDepthConfig(model=folder, precision="float32"))
    alone = IndoorDepth(IndoorDepthConfig(model=folder, precision="float32", multi_scale=False))
    small = IndoorDepth(IndoorDepthConfig(model=other, precision="float32"))
    image = resize(picture(), (128, 160))
    want = np.sqrt(alone(image).depth_m * small(image).depth_m)
    np.testing.assert_allclose(both(image).depth_m, want, rtol=1e-5)
    assert list(both.models) == ["depth", "multi_scale"] and list(alone.models) == ["depth"]
    assert both.models["multi_scale"].sha256 == small.models["depth"].sha256 != both.models["depth"].sha256


def test_two_models_at_once_give_what_one_after_the_other_gives(tmp_path):
    other = untrained_model(tmp_path / "other", seed=1, size=[64, 96])
    folder = untrained_model(tmp_path / "m", size=[128, 160], multi_scale={"size": [64, 96], "model": other})
    before, depths = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            both = IndoorDepth(IndoorDepthConfig(model=folder, precision="float32"))
            assert both._predictor._at_once is (threads == 2)
            depths.append(both(picture()).depth_m)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(depths[1], depths[0], rtol=1e-5)


def test_a_model_for_the_smaller_form_must_fit(tmp_path):
    size, small = [128, 160], {"size": [64, 96]}
    other = untrained_model(tmp_path / "other", canonical_focal=0.7)
    folder = untrained_model(tmp_path / "m", size=size, multi_scale={**small, "model": other})
    with pytest.raises(WeightsError, match=r"canonical focal length of 0\.7, it for 0\.5"):
        IndoorDepth(IndoorDepthConfig(model=folder))
    folder = untrained_model(tmp_path / "n", size=size, multi_scale={**small, "model": "nowhere"})
    with pytest.raises(WeightsError, match="nowhere"):
        IndoorDepth(IndoorDepthConfig(model=folder))
    IndoorDepth(IndoorDepthConfig(model=folder, multi_scale=False))  # it is not looked for


def test_a_form_that_is_not_smaller_is_left_out(tmp_path):
    folder = untrained_model(tmp_path / "m", size=[64, 96], multi_scale={"size": [64, 96]})
    one, two = (
        IndoorDepth(IndoorDepthConfig(model=folder, multi_scale=multi_scale)) for multi_scale in (False, True)
    )
    assert np.array_equal(one(picture()).depth_m, two(picture()).depth_m)
