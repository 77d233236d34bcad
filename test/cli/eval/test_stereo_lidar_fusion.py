# SPDX-License-Identifier: Apache-2.0
"""`geo-perception eval` on a small folder: same numbers twice, a table and a report, faults in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import kitti_folders as kitti

from geo_perception import cli
from geo_perception.errors import ConfigError, DataError


def run(data: Path, out: Path, *options: str) -> Path:
    """The result folder of one call."""
    before = set(out.glob("eval-*"))
    assert cli.run(["eval", "stereo_lidar_fusion", str(data), "--out", str(out), *options]) == 0
    (folder,) = set(out.glob("eval-*")) - before
    return folder


def metrics_of(folder: Path) -> dict[str, object]:
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics.pop("timings")
    return metrics


def flat(tree: Any, name: str = "") -> dict[str, float]:
    """The leaves of nested dictionaries by path."""
    if not isinstance(tree, dict):
        return {name: tree}
    return {path: leaf for key, child in tree.items() for path, leaf in flat(child, f"{name}/{key}").items()}


def test_two_runs_are_identical_and_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = kitti.object_folder(tmp_path / "data")
    folders = [run(data, tmp_path, "--limit", "2", "--fusion", "confidence") for _ in range(2)]
    printed = capsys.readouterr().out
    assert "Depth error, as the robot gets it" in printed
    assert f"report       {folders[1] / 'report.html'} " in printed
    first, second = map(metrics_of, folders)
    assert first == second
    assert first["frames"] == first["frames_with_truth"] == 2
    config = yaml.safe_load((folders[0] / "config.yaml").read_text())
    assert config["stereo"] == "sgbm"
    assert config["config"]["completion"] == "morphology"


def test_precomputed_disparity_replaces_stereo_and_comparisons_are_rows(tmp_path: Path) -> None:
    data = kitti.object_folder(tmp_path / "data")
    options = ("--stereo", "precomputed", "--fusion", "confidence", "--compare", "confidence", "--cap", "50")
    metrics = metrics_of(run(data, tmp_path, *options))
    accuracy = metrics["accuracy"]
    assert isinstance(accuracy, dict)
    assert accuracy["confidence"] == accuracy["fused"]
    assert (
        accuracy["stereo"]
        != metrics_of(run(data, tmp_path, "--fusion", "confidence", "--cap", "50"))["accuracy"]["stereo"]
    )


def test_a_bag_gives_the_numbers_of_its_folder(tmp_path: Path) -> None:
    data, bag = kitti.object_folder(tmp_path / "data"), tmp_path / "bag"
    assert cli.run(["bag", "from-kitti", str(data), str(bag)]) == 0
    from_bag, from_folder = (metrics_of(run(d, tmp_path, "--fusion", "confidence")) for d in (bag, data))
    assert flat(from_bag["accuracy"]) == pytest.approx(flat(from_folder["accuracy"]), rel=1e-4)


def test_faults_are_named(tmp_path: Path) -> None:
    data = kitti.odometry(tmp_path / "data")
    with pytest.raises(
        ConfigError,
        match=r"unknown command 'depth' after .*; there are: stereo_lidar_fusion, indoor_depth",
    ):
        cli.run(["eval", "depth", str(data)])
    with pytest.raises(DataError, match="absent does not exist"):
        cli.run(["eval", "stereo_lidar_fusion", str(tmp_path / "absent")])
    with pytest.raises(DataError, match="needs a data set folder with psmnet_disparity"):
        cli.run(["eval", "stereo_lidar_fusion", str(data), "--stereo", "precomputed"])
    with pytest.raises(ConfigError, match="stereo must be one of"):
        cli.run(["eval", "stereo_lidar_fusion", str(data), "--stereo", "guess"])
    with pytest.raises(ConfigError, match="cap must be positive"):
        cli.run(["eval", "stereo_lidar_fusion", str(data), "--cap", "-1"])
    with_truth = ["eval", "stereo_lidar_fusion", str(kitti.object_folder(tmp_path / "truth"))]
    with pytest.raises(
        ConfigError, match=r"^--cap 0.001 leaves out all truth, which is [\d.]+ to [\d.]+ m away$"
    ):
        cli.run([*with_truth, "--fusion", "confidence", "--cap", "0.001", "--out", str(tmp_path)])
    assert not list(tmp_path.glob("eval-*"))
