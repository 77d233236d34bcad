# SPDX-License-Identifier: Apache-2.0
"""PoseNet and the multi-frame network against reference outputs, and their properties."""

from __future__ import annotations

import json

import pytest
import torch
from helpers import network_golden as golden
from helpers import parity
from torch import Tensor, nn

from geo_perception.errors import InputError
from geo_perception.networks import build
from geo_perception.networks.layers.cost_volume import depth_bins
from geo_perception.networks.manydepth import (
    PRESETS,
    MultiFrame,
    Neighbours,
    relative_poses,
    track_bin_range,
)

SIZE = (64, 96)


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


def _fill(module: nn.Module, *damping: tuple[str, float]) -> nn.Module:
    return parity.fill(module, {"salt": "a:", "post_scale": damping}).eval()


def _tensor(label: str, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(parity.image(label, shape))


def _posenet(layers: int, images: int) -> nn.Module:
    network = build("posenet", layers=layers, images=images).eval()
    _fill(network.encoder, golden.damped_blocks(layers))
    _fill(network.decoder)
    return network


def _multi_frame(**config: object) -> MultiFrame:
    network = build("multi_frame", height=SIZE[0], width=SIZE[1], bins=16, **config).eval()
    constants = {k: v.clone() for k, v in network.encoder.state_dict().items() if "backprojector" in k}
    _fill(network.encoder, golden.damped_blocks(18)).load_state_dict(constants, strict=False)
    _fill(network.decoder, golden.DAMPED_OUTPUTS)
    return network


def _frames(poses: Tensor | None = None) -> tuple[dict, Tensor, Neighbours]:
    reference = golden.load("multiframe")
    given = {name: torch.from_numpy(reference[name]) for name in ("poses", "K2", "inv_K2")}
    near = Neighbours(
        _tensor("a:look", (2, 2, 3, *SIZE)),
        given["poses"] if poses is None else poses,
        given["K2"],
        given["inv_K2"],
    )
    return reference, _tensor("a:cur", (2, 3, *SIZE)), near


@pytest.mark.parametrize(("layers", "images"), [(18, 2), (50, 3)])
def test_posenet_matches_reference(layers: int, images: int) -> None:
    reference, network = golden.load("posenet"), _posenet(layers, images)
    keys = json.loads((golden.FOLDER / "keys.json").read_text())
    assert parity.keys(network.encoder) == keys[f"pose_encoder_r{layers}_{images}img"]
    assert parity.keys(network.decoder) == keys[f"pose_decoder_r{layers}"]
    stacked = _tensor(f"a:pose{images}", (2, 3 * images, *SIZE))
    motions = network(stacked)
    got = {"feat4": network.encoder(stacked)[-1]}
    got |= {"axisangle": motions.axis_angle, "translation": motions.translation}
    for index in (0, 1):
        got |= {f"T{index}_fwd": motions.transform(index)}
        got |= {f"T{index}_inv": motions.transform(index, invert=True)}
    for name, value in got.items():
        error = golden.error(reference, f"r{layers}_{images}img_{name}", value)
        assert error <= golden.OTHER_MACHINE, name


def test_pose_chain_matches_reference_and_marks_the_missing_frame() -> None:
    reference = golden.load("multiframe_posechain")
    frames = {number: _tensor(f"a:frame:{number}", (2, 3, *SIZE)) for number in (0, 1, -1, -2)}
    frames[-2][1] = 0
    poses = relative_poses(_posenet(18, 2), frames)
    assert set(poses) == {1, -1, -2} and not poses[-2][1].any()
    for number, pose in poses.items():
        assert golden.error(reference, f"relative_pose_{number}", pose) <= golden.OTHER_MACHINE
    for number in (-1, 1):
        assert golden.error(reference, f"cam_T_cam_{number}", poses[number]) <= golden.OTHER_MACHINE


@pytest.mark.parametrize("numbers", [(0, -2), (-1,), (0, -1, 2)])
def test_pose_chain_with_a_gap_is_refused(numbers: tuple[int, ...]) -> None:
    frames = {number: torch.zeros(1, 3, *SIZE) for number in numbers}
    with pytest.raises(InputError, match=r"0, -1, \.\.\. -N"):
        relative_poses(build("posenet"), frames)


def test_cost_volume_matches_reference() -> None:
    reference, image, near = _frames()
    encoder = _multi_frame().encoder
    current, lookups = encoder.shallow(image)[1], encoder.shallow(near.images.flatten(0, 1))[1]
    bins_m = encoder.bins_m()
    volume = encoder.match(current, lookups.reshape(2, 2, *lookups.shape[1:]), near, bins_m)
    assert golden.error(reference, "depth_bins", bins_m) <= 1e-6
    assert golden.error(reference, "cost_volume", volume.cost) <= golden.OTHER_MACHINE
    assert golden.error(reference, "missing_mask", volume.missing.mean((2, 3))) <= 5e-3


def test_multi_frame_depth_matches_reference() -> None:
    reference, image, near = _frames()
    network = _multi_frame()
    output, matching = network(image, near), network.encoder(image, near)
    for index, feature in enumerate(matching.features):
        assert golden.error(reference, f"feat{index}", feature) <= golden.OTHER_MACHINE
    for scale, sigmoid in enumerate(output.sigmoids):
        assert golden.error(reference, f"out{scale}", sigmoid) <= golden.OTHER_MACHINE
    for name, got in (
        ("lowest_cost_disp", output.lowest_cost_disparity),
        ("confidence_mask", output.confidence),
    ):
        assert golden.share_that_differs(reference, name, got) <= 0.005, name


def test_intrinsics_of_the_full_image_serve_as_well() -> None:
    _, _, near = _frames()
    full = near.K.clone()
    full[:, :2] *= 4
    made = Neighbours.of(near.images, near.poses, full)
    assert torch.equal(made.K, near.K) and torch.allclose(made.inv_K, near.inv_K, atol=1e-6)


def test_without_neighbours_nothing_is_confident() -> None:
    reference, image, near = _frames(poses=torch.zeros(2, 2, 4, 4))
    matching = _multi_frame().encoder(image, near)
    assert not matching.confidence.any()
    assert golden.error(reference, "nolookup_feat4", matching.features[4]) <= golden.OTHER_MACHINE
    assert golden.share_that_differs(reference, "nolookup_lowest_cost", matching.lowest_cost_disparity) == 0


def test_missing_neighbour_is_as_good_as_none() -> None:
    _, image, near = _frames()
    poses = near.poses.clone()
    poses[:, 1] = 0
    network = _multi_frame()
    both = network(image, near._replace(poses=poses)).depth_m
    one = network(image, near._replace(images=near.images[:, :1], poses=poses[:, :1])).depth_m
    assert torch.equal(both, one)


def test_bins_are_even_in_depth_or_in_inverse_depth() -> None:
    linear, inverse = (depth_bins(0.5, 8.0, 16, binning) for binning in ("linear", "inverse"))
    for even in (linear, 1 / inverse):
        steps = even.diff().abs()
        assert torch.allclose(steps, steps[0], rtol=1e-4)
    for bins in (linear, inverse):
        assert (bins.diff() > 0).all()
        assert bins[[0, -1]].tolist() == pytest.approx([0.5, 8.0])


def test_range_of_bins_can_be_tracked() -> None:
    depth_m = torch.tensor([[1.0, 4.0], [3.0, 6.0]]).reshape(2, 1, 1, 2)
    low, high = track_bin_range((0.1, 10.0), depth_m)
    assert (low, high) == (
        pytest.approx(0.99 * 0.1 + 0.01 * 0.9 * 2),
        pytest.approx(0.99 * 10 + 0.01 * 1.1 * 5),
    )
    assert track_bin_range((0.1, 10.0), depth_m / 1e6)[0] == pytest.approx(0.1)
    _, image, near = _frames()
    network = _multi_frame()
    assert not torch.equal(network(image, near, (0.3, 5.0)).depth_m, network(image, near).depth_m)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_build(preset: str) -> None:
    assert MultiFrame(PRESETS[preset]).config is PRESETS[preset]


@pytest.mark.parametrize("name", ["image", "images", "poses", "K", "inv_K"])
def test_wrong_shapes_are_named(name: str) -> None:
    _, image, near = _frames()
    if name == "image":
        image = image[..., :64]
    else:
        near = near._replace(**{name: getattr(near, name)[..., :2]})
    with pytest.raises(InputError, match=rf"needs {name} \(2, "):
        _multi_frame()(image, near)


def test_every_trained_weight_gets_a_gradient() -> None:
    _, image, near = _frames()
    network = _multi_frame()
    with torch.enable_grad():
        sum(sigmoid.mean() for sigmoid in network(image, near).sigmoids).backward()
    assert [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None] == []
