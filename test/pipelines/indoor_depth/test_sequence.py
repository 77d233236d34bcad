# SPDX-License-Identifier: Apache-2.0
"""Indoor depth from an image and the one before it: the network's own answer, and when the two are no neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.indoor_model import CAMERA, picture, untrained_multi_frame_model

from geo_perception.errors import ConfigError
from geo_perception.geometry import PinholeCamera
from geo_perception.networks.encoders.matching import Neighbours
from geo_perception.networks.manydepth import relative_poses
from geo_perception.pipelines import IndoorDepth, IndoorDepthConfig
from geo_perception.weights import load_model

SIZE = 64
NOW = PinholeCamera(40.0, 44.0, 31.0, 32.5, SIZE, SIZE)
SECOND_NS = 10**9


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return Path(untrained_multi_frame_model(tmp_path_factory.mktemp("models") / "multi"))


@pytest.fixture(scope="module")
def loaded(model) -> IndoorDepth:
    return IndoorDepth(IndoorDepthConfig(model=str(model), precision="float32"))


@pytest.fixture
def pipeline(loaded) -> IndoorDepth:
    loaded.reset()
    return loaded


def network_input(seed: int, size: int = SIZE) -> np.ndarray:
    """Noise, in which neighbours have costs everywhere."""
    return np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)


def by_hand(model: Path, image: np.ndarray, before: np.ndarray | None, camera: PinholeCamera) -> np.ndarray:
    """Depth of the network itself, with the pose that the pose network gives."""
    tensors = [
        torch.from_numpy(i).permute(2, 0, 1)[None].float() / 255 for i in (image, before) if i is not None
    ]
    K = torch.eye(4)[None]
    K[0, 0, 0], K[0, 1, 1] = camera.fx, camera.fy
    K[0, :2, 2] = torch.tensor([camera.cx + 0.5, camera.cy + 0.5])  # trained with edges at 0
    network, pose = load_model(model), torch.zeros(1, 4, 4)
    if before is not None:
        pose = relative_poses(network.pose, {0: tensors[0], -1: tensors[1]})[-1]
    near = Neighbours.of(tensors[-1][:, None], pose[:, None], K)
    return network.depth(tensors[0], near).depth_m[0, 0].numpy()


def same(got: np.ndarray, want: np.ndarray) -> bool:
    return bool(np.allclose(got, want, rtol=1e-4, atol=0))


def test_it_is_the_network_on_the_same_two_images(pipeline, model):
    first, second = pipeline(network_input(0), NOW), pipeline(network_input(1), NOW)
    assert same(first.depth_m, by_hand(model, network_input(0), None, NOW))
    assert same(second.depth_m, by_hand(model, network_input(1), network_input(0), NOW))
    assert not same(second.depth_m, by_hand(model, network_input(1), None, NOW))
    assert "depth from one image alone: there is none before it" in first.notes
    assert not any("alone" in note for note in second.notes)


def test_it_is_compared_with_the_one_just_before(pipeline, model):
    for seed in (0, 1):
        pipeline(network_input(seed), NOW)
    assert same(
        pipeline(network_input(2), NOW).depth_m, by_hand(model, network_input(2), network_input(1), NOW)
    )


def test_instances_do_not_share_what_they_remember(pipeline, model):
    pipeline(network_input(0), NOW)
    other = IndoorDepth(IndoorDepthConfig(model=str(model), precision="float32"))
    assert same(other(network_input(1), NOW).depth_m, by_hand(model, network_input(1), None, NOW))
    assert same(
        pipeline(network_input(1), NOW).depth_m, by_hand(model, network_input(1), network_input(0), NOW)
    )


ZOOMED = PinholeCamera(50.0, 55.0, 31.0, 32.5, SIZE, SIZE)


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        ((network_input(0), NOW, SECOND_NS), (network_input(1), NOW, SECOND_NS - 1), "time did not move on"),
        ((network_input(0), NOW, SECOND_NS), (network_input(1), NOW, SECOND_NS), "time did not move on"),
        (
            (network_input(0), NOW, SECOND_NS),
            (network_input(1), NOW, SECOND_NS * 8 // 5),
            "more than 0.5 s older",
        ),
        ((network_input(0), NOW, 0), (network_input(1), ZOOMED, 1), "of another camera"),
        ((network_input(0, 96), None, 0), (network_input(1), NOW, 1), "has another size"),
    ],
    ids=["backwards", "again", "gap", "camera", "size"],
)
def test_what_is_no_neighbour_is_not_compared_with(pipeline, model, before, now, reason):
    pipeline(*before)
    alone = pipeline(*now)
    image, camera, stamp_ns = now
    assert any(reason in note for note in alone.notes)
    assert same(alone.depth_m, by_hand(model, image, None, camera))
    after = pipeline(network_input(2), camera, stamp_ns + 1)  # and the sequence goes on from there
    assert same(after.depth_m, by_hand(model, network_input(2), image, camera))


def test_the_longest_gap_still_counts(pipeline, model):
    pipeline(network_input(0), NOW, SECOND_NS)
    got = pipeline(network_input(1), NOW, SECOND_NS * 3 // 2)
    assert same(got.depth_m, by_hand(model, network_input(1), network_input(0), NOW))


def test_reset_forgets(pipeline, model):
    pipeline(network_input(0), NOW)
    pipeline.reset()
    assert same(pipeline(network_input(1), NOW).depth_m, by_hand(model, network_input(1), None, NOW))


def test_every_image_can_stand_alone(model):
    single = IndoorDepth(IndoorDepthConfig(model=str(model), precision="float32", max_gap_s=0.0))
    for seed in (0, 1):
        got = single(network_input(seed), NOW)
        assert same(got.depth_m, by_hand(model, network_input(seed), None, NOW))
        assert not any("alone" in note for note in got.notes)


def test_an_all_black_image_counts_as_missing(pipeline, model):
    pipeline(np.zeros((SIZE, SIZE, 3), np.uint8), NOW)
    assert same(pipeline(network_input(1), NOW).depth_m, by_hand(model, network_input(1), None, NOW))


def test_without_any_camera_images_are_not_compared(pipeline, model):
    for seed in (0, 1):
        got = pipeline(network_input(seed))
        assert same(got.depth_m, by_hand(model, network_input(seed), None, NOW))
        assert any("without a camera it cannot be compared" in note for note in got.notes)


def test_depth_for_a_canonical_focal_length_is_compared_in_the_own_camera(tmp_path):
    """Canonical depth and ways are the true ones times one factor, which no pixel sees."""
    folder = Path(untrained_multi_frame_model(tmp_path / "m", canonical_focal=0.8))
    pipeline = IndoorDepth(IndoorDepthConfig(model=str(folder), precision="float32"))
    zoom = 0.8 / np.sqrt(NOW.fx / SIZE * NOW.fy / SIZE)
    pipeline(network_input(0), NOW)
    got = pipeline(network_input(1), NOW)
    assert same(got.depth_m, by_hand(folder, network_input(1), network_input(0), NOW) / np.float32(zoom))
    centred = PinholeCamera(0.8 * SIZE, 0.8 * SIZE, (SIZE - 1) / 2, (SIZE - 1) / 2, SIZE, SIZE)
    pipeline.reset()
    pipeline(network_input(0))
    assert same(
        pipeline(network_input(1)).depth_m, by_hand(folder, network_input(1), network_input(0), centred)
    )


def test_images_of_any_size_are_framed_first(pipeline):
    for seed in (0, 1):
        result = pipeline(picture(seed=seed), CAMERA)
        assert result.depth_m.shape == CAMERA.size and np.isfinite(result.depth_m).all()
    assert not any("alone" in note for note in result.notes)


def test_half_precision_is_near(pipeline, model):
    half = IndoorDepth(IndoorDepthConfig(model=str(model), precision="bfloat16"))
    for seed in (0, 1):
        difference = half(network_input(seed), NOW).depth_m / pipeline(network_input(seed), NOW).depth_m - 1
        assert np.abs(difference).max() < 0.05


def test_the_network_and_its_size_are_named(pipeline):
    assert pipeline.models["depth"].network == "video_depth"
    assert pipeline.input_spec.size == (SIZE, SIZE)


def test_another_size_than_the_networks_is_refused(model):
    with pytest.raises(ConfigError, match=r"takes images of 64x64 \(height x width\) only, not 128x64"):
        IndoorDepth(IndoorDepthConfig(model=str(model), network_height=128))


@pytest.mark.parametrize("gap_s", [-1.0, float("nan"), float("inf")])
def test_a_gap_must_be_seconds(gap_s):
    with pytest.raises(ConfigError, match="max_gap_s must be 0 s or more"):
        IndoorDepthConfig(max_gap_s=gap_s)


def test_mirrored_images_are_for_models_of_single_ones(model):
    with pytest.raises(ConfigError, match="flip_augmentation on is for models of single images"):
        IndoorDepth(IndoorDepthConfig(model=str(model), flip_augmentation="on"))
