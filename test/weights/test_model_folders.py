# SPDX-License-Identifier: Apache-2.0
"""Model folders: round trip, atomic replacement, look-up by name, and one clear error for each kind of damage."""

from __future__ import annotations

import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from helpers.full_disk import limited_files

from geo_perception.errors import ConfigError, WeightsError
from geo_perception.networks import build
from geo_perception.weights import ModelCard, find_model, load_model, read_card, save_model, store
from geo_perception.weights.model_card import CARD_FILE
from geo_perception.weights.store import WEIGHTS_FILE

CARD = ModelCard(
    network="scadc",
    config={"stereo_scale": 0.9},
    licence="Apache-2.0",
    metrics={"rmse_m": 1.5},
    limits=("rain",),
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_model(build("scadc", stereo_scale=0.9), tmp_path / "street", CARD)
    return tmp_path / "street"


def _edit_card(folder: Path, **changes: object) -> None:
    values = yaml.safe_load((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(yaml.safe_dump({**values, **changes}))


def test_round_trip_keeps_weights_config_and_card(tmp_path: Path) -> None:
    module = build("scadc", stereo_scale=0.9)
    written = save_model(module, tmp_path / "m", CARD)
    loaded = load_model(tmp_path / "m")
    assert read_card(tmp_path / "m") == written == replace(CARD, sha256=written.sha256)
    assert loaded.config == module.config
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    for name, value in module.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_half_a_file_holds_weights_to_eleven_bits(model: Path, tmp_path: Path) -> None:
    module = load_model(model)
    save_model(module, tmp_path / "half", CARD, half=True)
    sizes = [(folder / WEIGHTS_FILE).stat().st_size for folder in (model, tmp_path / "half")]
    assert sizes[1] < 0.6 * sizes[0]
    for name, value in load_model(tmp_path / "half").state_dict().items():
        assert value.dtype == module.state_dict()[name].dtype, name
        torch.testing.assert_close(value, module.state_dict()[name], rtol=2**-11, atol=1e-7, msg=name)


def test_a_weight_too_large_for_half_a_file_is_refused(tmp_path: Path) -> None:
    module = build("scadc", stereo_scale=0.9)
    module.conv1[0][0].weight.data[0, 0, 0, 0] = 1e5
    with pytest.raises(WeightsError, match="not finite"):
        save_model(module, tmp_path / "half", CARD, half=True)


def test_saving_again_replaces_the_model_and_leaves_nothing_behind(model: Path) -> None:
    module = build("scadc", stereo_scale=0.9)
    save_model(module, model, CARD)
    assert torch.equal(load_model(model).conv1[0][0].weight, module.conv1[0][0].weight)
    assert [path.name for path in model.parent.iterdir()] == ["street"]


def test_failed_save_keeps_the_old_model(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_model(model).conv1[0][0].weight
    monkeypatch.setattr(store, "write_card", lambda card, folder: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(WeightsError, match=r"cannot write the model .*disk full.*earlier one is kept"):
        save_model(build("scadc", stereo_scale=0.9), model, CARD)
    assert torch.equal(load_model(model).conv1[0][0].weight, before)
    assert [path.name for path in model.parent.iterdir()] == ["street"]


def test_a_disk_without_room_keeps_the_old_model(model: Path) -> None:
    before = load_model(model).conv1[0][0].weight
    with (
        pytest.raises(WeightsError, match=r"cannot write the model .*street .*earlier one is kept"),
        limited_files(100_000),
    ):
        save_model(build("scadc", stereo_scale=0.9), model, CARD)
    assert torch.equal(load_model(model).conv1[0][0].weight, before)
    assert [path.name for path in model.parent.iterdir()] == ["street"]


def test_arrays_are_kept_beside_the_weights_and_go_with_them(model: Path) -> None:
    values = np.arange(6, dtype=np.float16).reshape(2, 3)
    save_model(build("scadc", stereo_scale=0.9), model, CARD, {"values.npy": values})
    stored = np.load(model / "values.npy")
    assert stored.dtype == np.float16 and np.array_equal(stored, values)
    save_model(build("scadc", stereo_scale=0.9), model, CARD)
    assert sorted(path.name for path in model.iterdir()) == [CARD_FILE, WEIGHTS_FILE]


def test_saving_under_a_card_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="another network than Ssdc"):
        save_model(build("scadc"), tmp_path / "m", ModelCard(network="ssdc", config={"layers": 18}))
    assert list(tmp_path.iterdir()) == []


def test_saving_weights_that_are_not_finite_is_refused(tmp_path: Path) -> None:
    module = build("scadc")
    module.conv1[0][0].weight.data[0] = float("nan")
    with pytest.raises(WeightsError, match=r"conv1\.0\.0\.weight.*not finite"):
        save_model(module, tmp_path / "m", ModelCard(network="scadc"))


def test_truncated_weights_are_named(model: Path) -> None:
    file = model / WEIGHTS_FILE
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="damaged or was replaced"):
        load_model(model)


def test_file_with_right_hash_that_is_no_safetensors_is_named(model: Path) -> None:
    (model / WEIGHTS_FILE).write_bytes(b"not a tensor file")
    _edit_card(model, sha256=store.file_sha256(model / WEIGHTS_FILE))
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_model(model)


def test_wrong_hash_shows_both(model: Path) -> None:
    digest = read_card(model).sha256
    _edit_card(model, sha256="0" * 64)
    with pytest.raises(WeightsError, match=f"{digest[:12]}.*the card says 000000000000"):
        load_model(model)


def test_missing_weights_are_named(model: Path) -> None:
    (model / WEIGHTS_FILE).unlink()
    with pytest.raises(WeightsError, match=f"no {WEIGHTS_FILE}"):
        load_model(model)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"network": "ssdc", "config": {}}, "another network than Ssdc"),
        ({"network": "resnet"}, "'resnet' is not one of"),
        ({"network": 3}, "`network` must name a network"),
        ({"config": {"layers": 3}}, "no option layers"),
        ({"config": {"stereo_scale": "much"}}, "stereo_scale"),
        ({"config": [1]}, "`config` must be a mapping"),
        ({"colour": "red"}, "unknown field colour"),
        ({"inputs": "RGB"}, "unknown field inputs"),
        ({"schema": 3}, "`schema` must be 1 or 2, got 3"),
        ({"input": "RGB"}, "`input` must be a mapping, got 'RGB'"),
        ({"input": {"focal": 0.5}}, "unknown entry of input focal; allowed are type, size"),
        ({"input": {"multi_scale": 0.5}}, "input.multi_scale must be a mapping, got 0.5"),
        ({"input": {"multi_scale": {"sise": [64, 64]}}}, "unknown entry of input.multi_scale sise"),
        ({"output": {"units": "m"}}, "unknown entry of output units"),
        (
            {"metrics": {"size": [64, 64]}},
            "metrics.size is no measurement; a card of schema 2 has input.size",
        ),
        ({"limits": "rain"}, "`limits` must be a list, got 'rain'"),
        ({"sha256": 12}, "`sha256` must be text, got 12"),
    ],
)
def test_wrong_card_is_refused(model: Path, change: dict, said: str) -> None:
    _edit_card(model, **change)
    with pytest.raises(WeightsError, match=said):
        load_model(model)


def test_a_field_with_nothing_behind_it_counts_as_left_out(model: Path) -> None:
    _edit_card(model, limits=None, metrics=None, source=None)
    card = read_card(model)
    assert (card.limits, card.metrics, card.source) == ((), {}, "")


@pytest.mark.parametrize(("text", "said"), [("a: [", "not YAML"), ("- 1", "must hold a mapping")])
def test_card_that_is_no_mapping_is_refused(model: Path, text: str, said: str) -> None:
    (model / CARD_FILE).write_text(text)
    with pytest.raises(WeightsError, match=said):
        read_card(model)


def test_model_is_found_by_name_in_installed_and_user_folders(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = model.parent / "prefix"
    (prefix / "share" / "geo_perception" / "models").mkdir(parents=True)
    model.rename(prefix / "share" / "geo_perception" / "models" / "installed")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{model.parent / 'absent'}:{prefix}")
    assert load_model("installed").config.stereo_scale == 0.9
    monkeypatch.setenv("XDG_DATA_HOME", str(model.parent / "home"))
    save_model(build("scadc", stereo_scale=0.9), model.parent / "home/geo_perception/models/mine", CARD)
    assert find_model("mine").parent == model.parent / "home/geo_perception/models"


def test_unknown_name_lists_models_and_folders(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geo_perception.weights.folders.model_folders", lambda: [model.parent])
    with pytest.raises(WeightsError, match=f"no model 'lane'; there are: street .searched {model.parent}"):
        load_model("lane")
    with pytest.raises(WeightsError, match="is not a model"):
        load_model(model.parent)


@pytest.mark.parametrize("device", ["tpu3", "cuda:77"])
def test_device_that_does_not_exist_is_refused(model: Path, device: str) -> None:
    with pytest.raises(ConfigError, match=device):
        load_model(model, device)


WIDER = {  # widths of the card -> what is said
    "a little": ([8, 8, 8, 2000], "has shape"),
    "more memory than there is": ([8192, 8192, 8192, 8192], "has shape"),
    "beyond any network": ([4, 4, 4, 10**9], "widths of network 'scadc_guided' must be at most 8192"),
    "no number": ([4, 4, 4, float("nan")], "must be at most 8192"),
}


@pytest.mark.parametrize(("widths", "said"), WIDER.values(), ids=WIDER)
def test_a_card_of_another_width_is_refused_without_its_memory(tmp_path, widths, said) -> None:
    module = build("scadc_guided", widths=(4, 4, 4, 4))
    card = replace(CARD, network="scadc_guided", config={"widths": [4, 4, 4, 4]})
    save_model(module, tmp_path / "m", card)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _edit_card(tmp_path / "m", config={"widths": widths})
    with pytest.raises(WeightsError, match=said):
        load_model(tmp_path / "m")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kB: 1 GB
