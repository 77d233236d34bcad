# SPDX-License-Identifier: Apache-2.0
"""Import of the folders that DistDepth and its relatives offer, and of DPT's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from geo_perception.errors import WeightsError
from geo_perception.networks import build
from geo_perception.weights import import_checkpoint, load_model, read_official, save_model

NUMBERS: dict[str, Any] = {"height": 256, "width": 256, "use_stereo": True}


def _write(folder: Path, encoder: nn.Module, decoder: nn.Module, numbers: dict[str, Any] = NUMBERS) -> Path:
    folder.mkdir(exist_ok=True)
    torch.save({**encoder.state_dict(), **numbers}, folder / "encoder.pth")
    torch.save(decoder.state_dict(), folder / "depth.pth")
    return folder


def _write_pose(folder: Path, posenet: nn.Module) -> Path:
    folder.mkdir(exist_ok=True)
    torch.save(posenet.encoder.state_dict(), folder / "pose_encoder.pth")
    torch.save(posenet.decoder.state_dict(), folder / "pose.pth")
    return folder


def _same(module: nn.Module, other: nn.Module) -> bool:
    ours, theirs = module.state_dict(), other.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("layers", [18, 50])
def test_depth_network_is_read_with_its_extra_entries(tmp_path: Path, layers: int) -> None:
    network = build("distdepth", encoder=f"resnet{layers}")
    imported = read_official("distdepth", _write(tmp_path, network.encoder, network.decoder))
    assert imported.module.config == network.config and _same(imported.module, network)
    assert not imported.module.training
    assert "256 x 256" in imported.card.input["description"]
    assert "encoder.pth sha256" in imported.card.source and "depth.pth sha256" in imported.card.source


def test_relatives_are_settings(tmp_path: Path) -> None:
    network = build("distdepth")
    folder = _write(tmp_path, network.encoder, network.decoder, {"height": 192, "width": 640})
    settings = {"upsampling": "nearest", "max_depth_m": 100.0, "numerator": 1.0}
    imported = import_checkpoint("distdepth", folder, **settings).config
    assert (imported.upsampling, imported.max_depth_m, imported.numerator) == ("nearest", 100.0, 1.0)


def test_official_entry_brings_its_range(tmp_path: Path) -> None:
    network = build("distdepth")
    folder = _write(tmp_path / "nyu", network.encoder, network.decoder)
    imported = read_official("distdepth_nyuv2_finetuned", folder)
    assert imported.module.config.max_depth_m == 12.0
    assert any("median" in limit for limit in imported.card.limits)
    save_model(imported.module, tmp_path / "model", imported.card)
    assert _same(load_model(tmp_path / "model"), network)


def test_pose_network_is_read_from_the_same_folder(tmp_path: Path) -> None:
    network = build("distdepth")
    _write(tmp_path, network.encoder, network.decoder)
    for layers, images in ((18, 2), (50, 3)):
        posenet = build("posenet", layers=layers, images=images)
        imported = import_checkpoint("posenet", _write_pose(tmp_path, posenet))
        assert imported.config == posenet.config and _same(imported, posenet)
    assert _same(import_checkpoint("distdepth", tmp_path), network)


def test_multi_frame_network_takes_its_range_of_bins_from_the_file(tmp_path: Path) -> None:
    network = build("multi_frame", height=64, width=96, bins=16)
    numbers = {**NUMBERS, "min_depth_bin": 0.25, "max_depth_bin": 7.5}
    folder = _write(tmp_path, network.encoder, network.decoder, numbers)
    read = read_official("multi_frame", folder)
    imported, config = read.module, read.module.config
    assert (config.height, config.width, config.bins) == (64, 96, 16)
    assert (config.min_bin_m, config.max_bin_m) == (0.25, 7.5)
    assert _same(imported, network)
    save_model(imported, tmp_path / "model", read.card)
    assert load_model(tmp_path / "model").config == config


def test_a_folder_with_a_pose_network_becomes_one_video_network(tmp_path: Path) -> None:
    network = build("video_depth", height=64, width=96, bins=16)
    numbers = {**NUMBERS, "min_depth_bin": 0.25, "max_depth_bin": 7.5}
    folder = _write(tmp_path, network.depth.encoder, network.depth.decoder, numbers)
    with pytest.raises(WeightsError, match=r"no pose_encoder\.pth and no pose\.pth"):
        import_checkpoint("video_depth", folder)
    read = read_official("distdepth_m", _write_pose(folder, network.pose))
    assert _same(read.module, network)
    config = read.module.config
    assert (config.height, config.width, config.min_bin_m, config.pose_layers) == (64, 96, 0.25, 18)
    save_model(read.module, tmp_path / "model", read.card)
    assert load_model(tmp_path / "model").config == config


def test_multi_frame_network_can_run_at_another_size(tmp_path: Path) -> None:
    network = build("multi_frame", height=64, width=96, bins=16)
    folder = _write(tmp_path, network.encoder, network.decoder)
    imported = import_checkpoint("multi_frame", folder, height=128, width=128)
    assert imported.encoder.backprojector.pix_coords.shape == (16, 3, 1024)
    assert torch.equal(imported.encoder.layer4[0].conv1.weight, network.encoder.layer4[0].conv1.weight)


def test_multi_frame_files_are_not_taken_for_single_frame_ones(tmp_path: Path) -> None:
    network = build("multi_frame", height=64, width=64, bins=4)
    with pytest.raises(WeightsError, match="import them as `multi_frame`"):
        import_checkpoint("distdepth", _write(tmp_path, network.encoder, network.decoder))


def test_missing_file_of_a_folder_is_named(tmp_path: Path) -> None:
    network = build("distdepth")
    _write(tmp_path, network.encoder, network.decoder)
    (tmp_path / "depth.pth").unlink()
    with pytest.raises(WeightsError, match=r"has no depth\.pth"):
        import_checkpoint("distdepth", tmp_path)
    with pytest.raises(WeightsError, match=r"no pose_encoder\.pth and no pose\.pth"):
        import_checkpoint("posenet", tmp_path)


def test_folder_for_a_network_of_one_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="weights of scadc come as one file"):
        import_checkpoint("scadc", tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"encoder.layer4.1.conv2.weight": None}, "1 \\(encoder.encoder.layer4.1.conv2.weight\\) missing"),
        ({"extra.weight": torch.zeros(1)}, "1 \\(encoder.extra.weight\\) unknown"),
        ({"encoder.conv1.weight": torch.zeros(64, 6, 7, 7)}, "has shape"),
        ({"encoder.bn1.bias": torch.full((64,), torch.nan)}, "not finite"),
        ({"comment": "text"}, "entry 'comment' is a str"),
    ],
)
def test_foreign_entries_are_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    network = build("distdepth")
    _write(tmp_path, network.encoder, network.decoder)
    contents = torch.load(tmp_path / "encoder.pth", weights_only=True) | change
    torch.save({name: v for name, v in contents.items() if v is not None}, tmp_path / "encoder.pth")
    with pytest.raises(WeightsError, match=said):
        import_checkpoint("distdepth", tmp_path)


def test_dpt_container_with_optimizer() -> None:
    network = build("dpt")
    contents = {"model": network.state_dict(), "optimizer": {"state": {}}}
    imported = import_checkpoint("dpt", contents, legacy_standardisation=True)
    assert imported.config.variant == "hybrid" and imported.config.legacy_standardisation
    assert _same(imported, network)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(WeightsError, match="not DPT weights"):
        import_checkpoint("dpt", build("posenet").state_dict())
    with pytest.raises(WeightsError, match="not PoseNet weights"):
        import_checkpoint("posenet", build("depth_decoder").state_dict())
    with pytest.raises(WeightsError, match="not multi-frame weights"):
        import_checkpoint("multi_frame", build("posenet").state_dict())
    with pytest.raises(WeightsError, match="no depth decoder"):
        import_checkpoint("distdepth", build("posenet").state_dict())
