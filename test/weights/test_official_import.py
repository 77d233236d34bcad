# SPDX-License-Identifier: Apache-2.0
"""Import of official containers: every form they come in, and files that are damaged, foreign or hostile."""

from __future__ import annotations

import argparse
import os
import pickle
import sys
import types
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from geo_perception.errors import ConfigError, WeightsError
from geo_perception.networks import build
from geo_perception.weights import import_checkpoint, list_official, load_model, read_official, save_model

DATA = os.environ.get("GEO_PERCEPTION_DATA", "")
RELEASED = Path(DATA) / "checkpoints" / "scadc_official" / "latest_net_SCADCNet.pth"


def _prefixed(module: nn.Module) -> OrderedDict[str, torch.Tensor]:
    return OrderedDict((f"module.{name}", value) for name, value in module.state_dict().items())


def _same(module: nn.Module, other: nn.Module) -> bool:
    ours, theirs = module.state_dict(), other.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


# Stands for a class that the authors' program has and a reader of its files has not.
Result = type("Result", (), {"__module__": "metrics", "__qualname__": "Result"})


@pytest.fixture
def ssdc_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, nn.Module]:
    network = build("ssdc", layers=18, input="rgbd")
    best = Result()
    best.rmse, best.silog = np.float64(1343.6), 0
    monkeypatch.setitem(sys.modules, "metrics", types.SimpleNamespace(Result=Result))
    contents = {
        "epoch": 8,
        "model": network.state_dict(),
        "best_result": best,
        "optimizer": torch.optim.Adam(network.parameters()).state_dict(),
        "args": argparse.Namespace(input="rgbd", layers=18, criterion="l2"),
    }
    path = tmp_path / "model_best.pth.tar"
    torch.save(contents, path, _use_new_zipfile_serialization=False)
    monkeypatch.delitem(sys.modules, "metrics")
    return path, network


def test_ssdc_container_with_namespace_and_result(ssdc_file: tuple[Path, nn.Module]) -> None:
    path, network = ssdc_file
    imported = import_checkpoint("ssdc", path)
    assert imported.config == network.config
    assert _same(imported, network)


@pytest.mark.parametrize("variant", ["stackhourglass", "basic"])
@pytest.mark.parametrize("zipped", [True, False])
def test_psmnet_container_with_parallel_prefix(tmp_path: Path, variant: str, zipped: bool) -> None:
    network = build("psmnet", variant=variant)
    contents = {"epoch": 10, "state_dict": _prefixed(network), "train_loss": 1.25, "test_loss": 2.0}
    torch.save(contents, tmp_path / "finetune_300.tar", _use_new_zipfile_serialization=zipped)
    imported = import_checkpoint("psmnet", tmp_path / "finetune_300.tar", maxdisp=128)
    assert (imported.config.variant, imported.config.maxdisp) == (variant, 128)
    assert _same(imported, network)


def test_file_older_than_batch_counters() -> None:
    network = build("scadc")
    state = {name: v for name, v in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    assert _same(import_checkpoint("scadc", state), network)


@pytest.mark.skipif(not RELEASED.is_file(), reason="needs GEO_PERCEPTION_DATA with the released weights")
@pytest.mark.parametrize("name", ["scadc", "scadc_official"])
def test_released_scadc_sets_its_stereo_scale_and_says_its_confidence_is_dead(
    name: str, tmp_path: Path
) -> None:
    imported = read_official(name, RELEASED)
    assert imported.module.config.stereo_scale == 0.87
    assert any("dead: lidar confidence 0.1227" in limit for limit in imported.card.limits)
    assert "0cc67c3d89229dab" in imported.card.source
    save_model(imported.module, tmp_path / "m", imported.card)
    assert load_model(tmp_path / "m").config == imported.module.config


def test_living_confidence_is_not_called_dead() -> None:
    torch.manual_seed(0)
    network = build("scadc", confidence_activation="leaky_relu")
    imported = read_official("scadc", network.state_dict(), confidence_activation="leaky_relu")
    assert imported.card.limits == ()


def test_official_name_with_another_file_is_refused(tmp_path: Path) -> None:
    torch.save(build("scadc").state_dict(), tmp_path / "mine.pth")
    with pytest.raises(WeightsError, match=r"not the released latest_net_SCADCNet\.pth"):
        import_checkpoint("scadc_official", tmp_path / "mine.pth")


def test_every_official_entry_names_a_network_a_page_and_its_import_line() -> None:
    entries = list_official()
    networks = {"scadc", "psmnet", "ssdc", "distdepth", "video_depth", "dpt"}
    assert {entry.network for entry in entries.values()} == networks
    for name, entry in entries.items():
        assert entry.source.startswith("https://") and entry.licence and entry.container
        assert entry.command.startswith(f"geo-perception weights import {name} ")
        build(entry.network, **entry.config)


class Hostile:
    """Creates a file when unpickled by a reader that executes what it reads."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["args", "model"])
def test_hostile_pickle_is_refused_and_not_executed(tmp_path: Path, zipped: bool, place: str) -> None:
    trace = tmp_path / "executed"
    contents = {"model": build("scadc").state_dict(), "args": None} | {place: Hostile(trace)}
    torch.save(contents, tmp_path / "bad.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"refused, as it wants to run or build (posix|nt|os)\.mkdir"):
        import_checkpoint("scadc", tmp_path / "bad.pth")
    assert not trace.exists()


def test_plain_hostile_pickle_is_refused_and_not_executed(tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    (tmp_path / "bad.pth").write_bytes(pickle.dumps(Hostile(trace)))
    with pytest.raises(WeightsError, match=r"bad\.pth"):
        import_checkpoint("scadc", tmp_path / "bad.pth")
    assert not trace.exists()


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_file_is_one_clear_error(tmp_path: Path, zipped: bool, keep: float) -> None:
    path = tmp_path / "cut.pth"
    torch.save(build("scadc").state_dict(), path, _use_new_zipfile_serialization=zipped)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(WeightsError, match=r"damaged|is empty|not a PyTorch checkpoint") as error:
        import_checkpoint("scadc", path)
    assert "\n" not in str(error.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no checkpoint file .*absent\.pth"):
        import_checkpoint("scadc", tmp_path / "absent.pth")


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(WeightsError, match="another network than Scadc"):
        import_checkpoint("scadc", build("ssdc", layers=18).state_dict())
    with pytest.raises(WeightsError, match="not PSMNet weights"):
        import_checkpoint("psmnet", build("scadc").state_dict())
    with pytest.raises(WeightsError, match="not SSDC weights"):
        import_checkpoint("ssdc", build("scadc").state_dict())


def test_wrong_shape_is_named() -> None:
    state = build("scadc").state_dict()
    state["conv1.0.0.weight"] = torch.zeros(32, 2, 3, 3)
    with pytest.raises(WeightsError, match=r"conv1\.0\.0\.weight has shape \(32, 2, 3, 3\)"):
        import_checkpoint("scadc", state)


@pytest.mark.parametrize("contents", [[1, 2], {"epoch": 3}, {}, {"state_dict": {"a": 1}}, torch.zeros(3)])
def test_file_without_state_dictionary_is_refused(tmp_path: Path, contents: Any) -> None:
    torch.save(contents, tmp_path / "odd.pth")
    with pytest.raises(WeightsError, match="holds no state dictionary"):
        import_checkpoint("scadc", tmp_path / "odd.pth")


def test_unknown_name_lists_what_exists() -> None:
    with pytest.raises(ConfigError, match=r"'resnet' is neither official weights .*scadc_official"):
        import_checkpoint("resnet", {})
