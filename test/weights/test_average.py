# SPDX-License-Identifier: Apache-2.0
"""The mean of models: of their weights, arrays and origins; never of models of different kinds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from typer.testing import CliRunner

from geo_perception.cli.weights import app
from geo_perception.errors import ConfigError, WeightsError
from geo_perception.networks import build
from geo_perception.weights import ModelCard, load_model, read_card, save_model
from geo_perception.weights.average import average_models
from geo_perception.weights.model_card import CARD_FILE, write_card


def _model(folder: Path, seed: int, *, half: bool = True, **fields: Any) -> Path:
    torch.manual_seed(seed)
    network = build("distdepth", encoder="efficientnet_lite0")
    values: dict[str, Any] = {
        "network": "distdepth", "config": {"encoder": "efficientnet_lite0"}, "licence": "Apache-2.0",
        "trained_on": "rooms", "command": f"train {seed}", "commit": f"c{seed}",
        "input": {"size": [160, 224]}, "output": {"unit": "m"},
        "metrics": {"held_out": {"absrel": 0.1}}, "limits": ("blind",),
    }  # fmt: skip
    mean_m = np.full((2, 3), seed, np.float16)
    save_model(network, folder, ModelCard(**{**values, **fields}), {"mean_depth.npy": mean_m}, half=half)
    return folder


def test_weights_arrays_and_card_are_the_weighted_mean(tmp_path: Path) -> None:
    models = [_model(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 5))]
    average_models(models, (3, 1), tmp_path / "mean")
    a, b, mean = (load_model(path).state_dict() for path in (*models, tmp_path / "mean"))
    for name, value in mean.items():
        if value.is_floating_point():
            assert torch.equal(value, (0.75 * a[name].double() + 0.25 * b[name].double()).half().float())
        else:
            assert torch.equal(value, a[name])
    assert not torch.equal(
        mean["decoder.decoder.0.conv.conv.weight"], a["decoder.decoder.0.conv.conv.weight"]
    )
    stored = np.load(tmp_path / "mean" / "mean_depth.npy")
    assert stored.dtype == np.float16 and (stored == 2).all()
    card = read_card(tmp_path / "mean")
    assert card.command == "mean of weights, 0.75 of a, 0.25 of b; a: train 1; b: train 5"
    assert (card.commit, card.trained_on, card.limits) == ("c1, c5", "rooms", ("blind",))
    assert card.input == {"size": [160, 224]}
    assert card.metrics == {} and card.recipe == ""  # nobody has measured it, or written down how it is made


def test_float32_stays_float32_if_one_model_has_it(tmp_path: Path) -> None:
    models = [_model(tmp_path / "a", 1), _model(tmp_path / "b", 2, half=False)]
    average_models(models, (1, 1), tmp_path / "mean")
    a, b, mean = (load_model(path).state_dict() for path in (*models, tmp_path / "mean"))
    name = "encoder.stem.0.weight"
    assert torch.equal(mean[name], ((a[name].double() + b[name].double()) / 2).float())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"config": {"encoder": "efficientnet_lite0", "max_depth_m": 9.0}}, r"config of .*a is .* of .*b "),
        ({"output": {"unit": "mm"}}, r"output.unit of .*a is 'm', of .*b 'mm'"),
        ({"input": {"size": [96, 128]}}, r"input.size of .*a is \[160, 224\], of .*b \[96, 128\]"),
        ({"input": {"size": [160, 224], "flip": True}}, r"input.flip of .*a is None, of .*b True"),
        ({"licence": "other"}, "licence of"),
    ],
)
def test_models_of_different_kinds_have_no_mean(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    models = [_model(tmp_path / "a", 1), _model(tmp_path / "b", 2, **fields)]
    with pytest.raises(WeightsError, match=message):
        average_models(models, (1, 1), tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_a_card_of_schema_1_and_one_of_schema_2_can_be_of_one_kind(tmp_path: Path) -> None:
    models = [_model(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 5))]
    stated = replace(read_card(models[1]), input={"size": [160, 224], "layout": "NCHW", "description": "RGB"})
    write_card(stated, models[1])
    values = yaml.safe_load((models[0] / CARD_FILE).read_text())
    former = {name: values[name] for name in ("network", "config", "sha256", "licence", "trained_on")}
    former |= {"inputs": "RGB, 160 x 224", "metrics": {"size": [160, 224]}}
    (models[0] / CARD_FILE).write_text(yaml.safe_dump(former))
    average_models(models, (1, 1), tmp_path / "mean")
    assert read_card(tmp_path / "mean").input == {"size": [160, 224], "description": "RGB, 160 x 224"}


@pytest.mark.parametrize("shares", [(), (1,), (1, 0), (1, -1), (1, float("nan")), (1, float("inf"))])
def test_every_model_has_a_positive_share(tmp_path: Path, shares: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="positive share"):
        average_models(["a", "b"], shares, tmp_path / "mean")


def test_one_model_has_no_mean(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two models or more"):
        average_models(["a"], (1,), tmp_path / "mean")


def test_the_verb_takes_equal_shares_unless_told(tmp_path: Path) -> None:
    models = [str(_model(tmp_path / name, seed)) for name, seed in (("a", 1), ("b", 5))]
    for shares, want in (([], 3), (["--share", "1", "--share", "3"], 4)):
        result = CliRunner().invoke(app, ["average", str(tmp_path / "mean"), *models, *shares])
        assert result.exit_code == 0, result.output
        assert "measure it" in result.output
        assert (np.load(tmp_path / "mean" / "mean_depth.npy") == want).all()
