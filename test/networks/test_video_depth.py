# SPDX-License-Identifier: Apache-2.0
"""The video network is its two parts put together, and copes without earlier frames."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from geo_perception.errors import ConfigError, InputError
from geo_perception.networks import build
from geo_perception.networks.manydepth import Neighbours, relative_poses
from geo_perception.weights import ModelCard, load_model, save_model

CONFIG = {"height": 64, "width": 96, "bins": 8}
K = torch.tensor(((60.0, 0, 47.5, 0), (0, 60, 31.5, 0), (0, 0, 1, 0), (0, 0, 0, 1)))[None]


@pytest.fixture(autouse=True)
def _no_gradients():
    torch.manual_seed(0)
    with torch.no_grad():
        yield


def frames(count: int) -> torch.Tensor:
    return torch.rand(count, 1, 3, 64, 96)


def test_it_is_the_pose_network_and_the_multi_frame_network() -> None:
    network = build("video_depth", **CONFIG).eval()
    image, before, earlier = frames(3)
    poses = relative_poses(network.pose, {0: image, -1: before, -2: earlier})
    near = Neighbours.of(torch.stack((before, earlier), 1), torch.stack((poses[-1], poses[-2]), 1), K)
    want = network.depth(image, near)
    got = network(image, torch.stack((before, earlier), 1), K)
    assert all(torch.equal(a, b) for a, b in zip(want[1:], got[1:], strict=True))


def test_without_an_earlier_frame_depth_comes_from_the_image_alone() -> None:
    network = build("video_depth", **CONFIG).eval()
    image, before = frames(2)
    black = torch.zeros(1, 1, 3, 64, 96)
    alone = network(image, black, K)
    assert torch.isfinite(alone.depth_m).all() and alone.confidence.sum() == 0
    assert torch.equal(
        alone.depth_m, network(image, black, 2 * K).depth_m
    )  # no neighbour, no use of a camera
    assert network(image, before[:, None], K).confidence.sum() > 0


def test_one_folder_holds_both_networks_and_the_bins(tmp_path: Path) -> None:
    config = {**CONFIG, "min_bin_m": 0.4, "max_bin_m": 7.0, "layers": 18, "pose_layers": 18}
    network = build("video_depth", **config).eval()
    save_model(network, tmp_path / "m", ModelCard(network="video_depth", config=config))
    loaded = load_model(tmp_path / "m")
    assert loaded.config == network.config
    image, before = frames(2)
    assert torch.equal(loaded(image, before[:, None], K).depth_m, network(image, before[:, None], K).depth_m)


def test_wrong_shapes_and_options_are_refused() -> None:
    network = build("video_depth", **CONFIG)
    image, before = frames(2)
    with pytest.raises(InputError, match=r"earlier frames must be \(B,N,3,H,W\)"):
        network(image, before, K)
    with pytest.raises(ConfigError, match="layers 19"):
        build("video_depth", pose_layers=19)
