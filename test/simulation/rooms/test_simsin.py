# SPDX-License-Identifier: Apache-2.0
"""Folders in SimSIN's format: what is read back is what was simulated, and interrupted runs resume."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from geo_perception.cli import run
from geo_perception.errors import ConfigError, DataError, OutputError
from geo_perception.scratch import SUFFIX
from geo_perception.simulation.rooms import RoomConfig, RoomSimulator, write_simsin

TINY = RoomConfig(width=48, height=40, rooms=(1, 1), room_size_m=(3.0, 3.4), edge_samples=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simsin")
    assert len(list(write_simsin(path, [7, 8], 2, TINY))) == 2
    return path


def lines(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()]


def test_every_listed_image_has_partner_neighbours_and_depth(folder: Path) -> None:
    stereo, temporal = lines(folder / "stereo.txt"), lines(folder / "temporal.txt")
    assert len(stereo) == 2 * 2 * 3 * 2 and len(temporal) == 2 * 2 * 2
    for name, index, side in stereo + temporal:
        assert name.endswith(f"/{int(index):03d}_{'lr'.index(side)}")
        for eye in "01":
            assert (folder / f"{name[:-1]}{eye}.png").is_file()
            assert (folder / f"{name[:-1]}{eye}_depth.npy").is_file()
    for name, index, _ in temporal:
        for offset in (-1, 1):
            assert (folder / f"{name[:-5]}{int(index) + offset:03d}{name[-2:]}.png").is_file()


def test_files_hold_what_the_simulator_gives(folder: Path) -> None:
    before, now, _ = RoomSimulator(8, TINY).trajectory(1)
    path = folder / "room_00008"
    np.testing.assert_array_equal(cv2.imread(str(path / "004_0.png"))[..., ::-1], now.left)
    np.testing.assert_array_equal(cv2.imread(str(path / "004_1.png"))[..., ::-1], now.right)
    np.testing.assert_array_equal(np.load(path / "004_1_depth.npy"), np.nan_to_num(now.depth_right_m))
    np.testing.assert_array_equal(np.load(path / "003_0_depth.npy"), np.nan_to_num(before.depth_m))
    record = json.loads((path / "environment.json").read_text())
    assert record["files"][4]["space_type"] == now.space_type
    assert record["files"][4]["range_label"] == now.range_label
    np.testing.assert_allclose(record["files"][3]["camera_from_world"], before.camera_from_world)
    assert record["camera"]["fx"] == pytest.approx(now.camera.fx)


def test_finished_environments_are_kept_and_others_added(folder: Path) -> None:
    stamp = (folder / "room_00007" / "000_0.png").stat().st_mtime_ns
    left_behind = folder / f".room_00009.x{SUFFIX}"
    left_behind.mkdir()  # by a run that was killed
    assert len(list(write_simsin(folder, [7], 2, TINY))) == 1
    assert (folder / "room_00007" / "000_0.png").stat().st_mtime_ns == stamp
    assert not left_behind.exists()
    assert {line[0].split("/")[0] for line in lines(folder / "stereo.txt")} == {"room_00007", "room_00008"}


def test_other_settings_in_the_same_folder_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="config"):
        list(write_simsin(folder, [7], 2, replace(TINY, clutter=0.5)))
    with pytest.raises(DataError, match="views"):
        list(write_simsin(folder, [7], 3, TINY))


def test_more_files_than_names_are_refused(tmp_path: Path) -> None:
    for seeds, views in (([1], 400), ([], 2), ([1, 1], 2), ([1], 0)):
        with pytest.raises(ConfigError, match="1000"):
            list(write_simsin(tmp_path, seeds, views, TINY))


def test_command_writes_a_set_with_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        "--environments 2 --frames 1 --no-trajectories --size 48 40 --first-seed 3 --workers 2 --clutter 0.2 "
        "--camera-height 0.4 0.5 --pitch -10 20 --close-share 0.9"
    )
    assert run(["simulate-rooms", str(tmp_path / "set"), *arguments.split()]) == 0
    assert "stereo.txt" in capsys.readouterr().out
    assert len(lines(tmp_path / "set" / "stereo.txt")) == 4
    records = [json.loads(file.read_text()) for file in sorted((tmp_path / "set").glob("*/environment.json"))]
    assert [record["seed"] for record in records] == [3, 4]
    assert all(record["config"]["camera_height_m"] == [0.4, 0.5] for record in records)
    assert all(record["config"]["pitch_deg"] == [-10, 20] for record in records)
    assert all(record["config"]["close_share"] == 0.9 for record in records)
    assert lines(tmp_path / "set" / "temporal.txt") == []


def test_an_environment_that_cannot_be_written_ends_the_rest(tmp_path: Path) -> None:
    (tmp_path / "room_00000").write_text("in the way")
    with pytest.raises(OutputError, match="room_00000 cannot be written: not a directory"):
        list(write_simsin(tmp_path, range(9), 1, TINY, workers=2))
    assert len(list(tmp_path.glob("*/environment.json"))) < 7  # those that had begun, or were about to
