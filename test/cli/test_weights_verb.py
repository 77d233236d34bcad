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
    assert str(folder) in _run("list")
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


def test_verify_ends_at_a_damaged_model(tmp_path: Path) -> None:
    torch.save(build("scadc").state_dict(), tmp_path / "mine.pth")
    _run("import", "scadc", str(tmp_path / "mine.pth"), "--to", str(tmp_path / "model"))
    (tmp_path / "model" / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(WeightsError, match="damaged or was replaced"):
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
