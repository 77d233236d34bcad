# SPDX-License-Identifier: Apache-2.0
"""`geo-perception eval indoor_depth` with a network of random weights: the same numbers twice, and clear faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml
from helpers import rgbd_folders as rgbd
from helpers.indoor_model import picture, untrained_multi_frame_model
from helpers.pictures import save_image

from geo_perception import cli
from geo_perception.cli.eval.indoor_depth import load_pipelines
from geo_perception.errors import ConfigError, DataError, WeightsError
from geo_perception.networks import build
from geo_perception.pipelines import IndoorDepthConfig
from geo_perception.weights import ModelCard, save_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "random"
    card = ModelCard(network="distdepth", input={"size": [64, 64], "canonical_focal": 0.5})
    save_model(build("distdepth").eval(), folder, card)
    return folder


def run(data: Path, out: Path, *options: str) -> Path:
    """The result folder of one call."""
    before = set(out.glob("eval-*"))
    assert cli.run(["eval", "indoor_depth", str(data), "--out", str(out), *options]) == 0
    (folder,) = set(out.glob("eval-*")) - before
    return folder


def metrics_of(folder: Path) -> dict:
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics.pop("timings")
    return metrics


def test_two_runs_are_identical_and_described(tmp_path: Path, model: Path, capsys) -> None:
    data = tmp_path / "data"
    rgbd.redwood(data / "home")
    rgbd.seven_scenes(data / "office")
    options = ("--model", str(model), "--compare", "@noscale", "--limit", "1", "--box-at", "1.5")
    folders = [run(data, tmp_path, *options) for _ in range(2)]
    printed = capsys.readouterr().out
    assert "home: depth error, as the robot gets it" in printed and "all frames: depth error" in printed
    first, second = map(metrics_of, folders)
    assert first == second
    assert first["frames"] == 2 and list(first["data_sets"]) == ["home", "office"]
    row = {name: regions["everywhere"] for name, regions in first["data_sets"]["home"]["accuracy"].items()}
    assert row["@noscale"]["median_scaled"]["AbsRel"] == pytest.approx(
        row["model"]["median_scaled"]["AbsRel"]
    )
    assert row["@noscale"]["unscaled"]["MAE"] != pytest.approx(row["model"]["unscaled"]["MAE"], rel=0.01)
    config = yaml.safe_load((folders[0] / "config.yaml").read_text())
    assert config["config"]["@noscale"]["scale_by_focal"] is False
    assert "drawn at 1.50 m" in (folders[0] / "report.html").read_text()


def test_the_unit_is_said_and_may_be_stated(tmp_path: Path, model: Path, capsys) -> None:
    data = tmp_path / "home"
    for i in (0, 1):
        rgbd.save_picture(data / f"color/{i}.jpg")
        rgbd.save_png16(data / f"depth/{i}.png", rgbd.depth_m() * 5000)
    with pytest.raises(DataError, match=r"2 m as 1/5000 m; state the unit \(--depth-unit"):
        cli.run(["eval", "indoor_depth", str(data), "--model", str(model), "--out", str(tmp_path)])
    metrics = metrics_of(run(data, tmp_path, "--model", str(model), "--depth-unit", "5000"))
    assert metrics["data_sets"]["home"]["typical_m"] == pytest.approx(2, abs=0.05)
    run(data, tmp_path, "--model", str(model), "--depth-unit", "cm")
    said = capsys.readouterr().err
    assert "home: depth is in 5000 units a metre, as stated" in said
    assert "home: implausible truth: median depth is 5" in said  # beyond 60 m counts as not seen


def test_rows_may_differ_in_several_things(model: Path) -> None:
    rows = load_pipelines(IndoorDepthConfig(model=str(model)), "@nomultiscale, @noscale+flip")
    assert list(rows) == ["model", "@nomultiscale", "@noscale+flip"]
    chosen = [
        (row.config.scale_by_focal, row.config.multi_scale, row.config.flip_augmentation)
        for row in rows.values()
    ]
    assert chosen == [(True, True, "card"), (True, False, "card"), (False, True, "on")]


def test_frames_stand_alone_unless_they_are_a_sequence(tmp_path: Path) -> None:
    for name in ("home", "office"):
        rgbd.redwood(tmp_path / "data" / name)
    for i in (0, 1):  # of different content, in both
        for name in ("home", "office"):
            save_image(
                tmp_path / "data" / name / f"color/{i:05d}.jpg", picture(rgbd.HEIGHT, rgbd.WIDTH, seed=i)
            )
    model = untrained_multi_frame_model(tmp_path / "multi")
    options = ("--model", model, "--precision", "float32")
    alone = metrics_of(run(tmp_path / "data", tmp_path, *options))["per_frame"]
    sequence = metrics_of(run(tmp_path / "data", tmp_path, *options, "--sequence"))["per_frame"]
    same = [a["accuracy"] == b["accuracy"] for a, b in zip(alone, sequence, strict=True)]
    assert same == [True, False] * 2  # the first of each data set has none before it
    assert all("alone" in " ".join(frame["notes"]) for frame in sequence[::2])


def test_faults_are_named(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rgbd.redwood(tmp_path / "data")
    command = ["eval", "indoor_depth", str(tmp_path / "data"), "--model", str(model), "--out", str(tmp_path)]
    assert cli.run([*command, "--stereo-model", "x"]) == 2
    assert cli.run(["eval", "stereo_lidar_fusion", str(tmp_path), "--model", "x"]) == 2
    said = capsys.readouterr().err
    assert "No such option: --stereo-model" in said and "No such option: --model" in said
    for wrong in ("x@y", "x@", "@noscale+y"):
        with pytest.raises(ConfigError, match="only noscale, nomultiscale, flip are allowed"):
            cli.run([*command, "--compare", wrong])
    with pytest.raises(ConfigError, match="box-at must be"):
        cli.run([*command, "--box-at", "near"])
    with pytest.raises(ConfigError, match="'street' is not one of native"):
        cli.run([*command, "--protocol", "street"])
    with pytest.raises(ConfigError, match="cap must be positive"):
        cli.run([*command, "--cap", "-1"])
    with pytest.raises(
        ConfigError, match=r"^--cap 0.1 leaves out all truth, which is [\d.]+ to [\d.]+ m away$"
    ):
        cli.run([*command, "--cap", "0.1"])
    assert not list(tmp_path.glob("eval-*"))
    with pytest.raises(ConfigError, match="limit must be at least 1"):
        cli.run([*command, "--limit", "0"])
    with pytest.raises(WeightsError, match="absent"):
        cli.run([*command[:4], "absent"])
    with pytest.raises(DataError, match="absent does not exist"):
        cli.run(["eval", "indoor_depth", str(tmp_path / "absent"), "--model", str(model)])
    with pytest.raises(DataError, match="layout not recognised"):
        cli.run(["eval", "indoor_depth", str(tmp_path / "data/color"), "--model", str(model)])
