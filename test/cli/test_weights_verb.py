# SPDX-License-Identifier: Apache-2.0
"""`geo-perception weights`: a checkpoint comes in, is listed and verified, and goes out unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from geo_perception.cli.weights import app, parse_settings
from geo_perception.errors import ConfigError, WeightsError
from geo_perception.networks import build


@pytest.fixture(autouse=True)
def _own_model_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))


def _run(*args: str) -> str:
    result = CliRunner().invoke(app, list(args), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_import_list_verify_export(tmp_path: Path, suffix: str) -> None:
    network = build("scadc")
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    assert "'stereo_scale': 0.9" in _run(
        "import", "scadc", str(tmp_path / "mine.pth"), "--set", "stereo_scale=0.9"
    )
    folder = tmp_path / "share" / "geo_perception" / "models" / "scadc"
    listed = _run("list")
    assert f"  in {folder.parent}\n    scadc " in listed
    assert f"ok  {folder}" in _run("verify", str(folder))
    out = tmp_path / f"out{suffix}"
    _run("export", str(folder), str(out))
    if suffix == ".pth":
        state = torch.load(out, weights_only=True)
    else:
        from safetensors.torch import load_file

        state = load_file(out)
    assert set(state) == set(network.state_dict())
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


def test_list_shows_how_to_import_official_weights() -> None:
    assert "geo-perception weights import scadc_official latest_net_SCADCNet.pth" in _run("list")


def test_list_is_aligned_and_says_what_is_the_default_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "share" / "geo_perception" / "models"
    torch.save(build("scadc").state_dict(), tmp_path / "mine.pth")
    for name in ("short", "a_name_that_is_much_longer_than_all_the_shipped_ones", "psmnet_kitti2015"):
        _run("import", "scadc", str(tmp_path / "mine.pth"), "--to", str(models / name))
    (models / "short" / "weights.safetensors").unlink()
    (models / "broken").mkdir()
    (models / "broken" / "model.yaml").write_text("network: [")
    lines = _run("list").splitlines()
    own = lines[lines.index(f"  in {models}") + 1 :][:4]
    assert [line.split()[0] for line in own] == sorted(path.name for path in models.iterdir())
    assert len({line.index(" scadc ") for line in own if " scadc " in line}) == 1
    by_name = {line.split()[0]: line for line in own}
    assert "cannot be used: weights.safetensors is missing" in by_name["short"]
    assert "model.yaml is not YAML" in by_name["broken"]
    shipped = {line.split()[0]: line for line in lines if "default of" in line}
    assert shipped["distdepth_lite0_rooms"].endswith("default of indoor_depth")
    assert shipped["scadc_guided_sim"].endswith("default of stereo_lidar_fusion")
    official = {line.split()[0]: line for line in lines if "imported" in line}
    assert "  imported as psmnet_kitti2015  " in official["psmnet_kitti2015"]
    assert "  not imported  " in official["scadc_official"]
    assert not [line for line in lines if "\x1b" in line]


def test_verify_ends_at_a_damaged_model(tmp_path: Path) -> None:
    torch.save(build("scadc").state_dict(), tmp_path / "mine.pth")
    _run("import", "scadc", str(tmp_path / "mine.pth"), "--to", str(tmp_path / "model"))
    (tmp_path / "model" / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(WeightsError, match="is text, not a checkpoint"):
        _run("verify", str(tmp_path / "model"))


def test_export_to_another_format_is_refused(tmp_path: Path) -> None:
    torch.save(build("scadc").state_dict(), tmp_path / "mine.pth")
    _run("import", "scadc", str(tmp_path / "mine.pth"))
    with pytest.raises(ConfigError, match=r"\.pth or \.safetensors"):
        _run("export", "scadc", str(tmp_path / "model.onnx"))


def test_settings_are_typed() -> None:
    assert parse_settings(["a=1", "b=true", "c=gd"]) == {"a": 1, "b": True, "c": "gd"}
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        parse_settings(["a"])
