# SPDX-License-Identifier: Apache-2.0
"""Folders of recordings and of simulated rooms: names that lists can hold, one kind a folder, nothing half-added."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.full_disk import limited_files

from geo_perception.datasets.rgbd import recording
from geo_perception.datasets.rgbd.recording import RecordedFrame, write_recording
from geo_perception.datasets.rgbd.set_folder import (
    LISTS,
    RECORDINGS,
    ROOMS,
    check_part_name,
    check_set_folder,
    write_set_lists,
)
from geo_perception.datasets.rgbd.training_lists import open_set
from geo_perception.errors import ConfigError, DataError, OutputError
from geo_perception.geometry import PinholeCamera

CAMERA = PinholeCamera(80, 80, 31.5, 23.5, 64, 48)


def frames(count: int = 3) -> list[RecordedFrame]:
    images = (np.full((48, 64, 3), number, np.uint8) for number in range(count))
    return [RecordedFrame((i + 1) * 10**8, image, None, CAMERA, 0.0, None) for i, image in enumerate(images)]


@pytest.mark.parametrize(
    "name",
    ["room 1", "room 1 2 l", "#5", "Küche 3", "部屋", "a.b", "it's; $HOME *?", "kitchen_1", "-x", "🤖"],
)
def test_recordings_of_any_readable_name_are_trainable(name: str, tmp_path: Path) -> None:
    for one in ("good", name):
        write_recording(tmp_path, one, frames())
    indoor = open_set("rosbag", tmp_path, "stereo.txt")
    assert len(indoor.entries) == 6
    shown = [indoor.image(entry)[0, 0, 0] for entry in indoor.entries if entry.path.startswith(f"{name}/")]
    assert shown == [0, 1, 2]
    assert len(open_set("rosbag", tmp_path).entries) == 2


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "a\tb",
        "a\nb",
        "a  b",
        " a",
        "a ",
        "a\x85b",
        "a\u2028b",
        "caf\udce9",
        "\0",
    ],
)
def test_other_names_are_refused_before_the_work(name: str, tmp_path: Path) -> None:
    def unread():
        raise AssertionError("read although the name is refused")
        yield

    with pytest.raises(ConfigError, match=r"a recording cannot be named .*rename the bag"):
        write_recording(tmp_path / "set", name, unread())
    with pytest.raises(ConfigError):
        check_part_name(name)
    assert not (tmp_path / "set").exists()


def rooms(folder: Path) -> Path:
    """What simulate-rooms leaves, as far as lists are concerned."""
    (folder / "room_00000").mkdir(parents=True)
    (folder / "room_00000" / "environment.json").write_text(json.dumps({"files": [], "trajectories": False}))
    write_set_lists(folder, ["room_00000/000_0 0 l"], [])
    return folder


def test_one_folder_holds_one_kind(tmp_path: Path) -> None:
    folder = rooms(tmp_path / "rooms")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for _ in range(2):  # the second time must not stumble over what the first one left
        with pytest.raises(
            DataError, match=r"rooms holds simulated rooms \(room_00000\), and recordings need"
        ):
            write_recording(folder, "drive", frames())
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    write_recording(tmp_path / "drives", "room_1", frames())
    with pytest.raises(DataError, match=r"holds recordings \(room_1\), and simulated rooms need"):
        check_set_folder(tmp_path / "drives", ROOMS)


def test_lists_of_other_sets_and_models_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "simsin").mkdir()
    (tmp_path / "simsin" / "stereo.txt").write_text("scene/000_0 0 l\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.yaml").touch()
    for kind in (ROOMS, RECORDINGS):
        with pytest.raises(DataError, match=r"holds stereo\.txt of another data set"):
            check_set_folder(tmp_path / "simsin", kind)
        with pytest.raises(DataError, match="is a model"):
            check_set_folder(tmp_path / "model", kind)
        check_set_folder(tmp_path / "absent", kind)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 100_000])
def test_damaged_records_are_named(content: bytes, tmp_path: Path) -> None:
    write_recording(tmp_path, "good", frames())
    (tmp_path / "good" / "environment.json").write_bytes(content)
    with pytest.raises(DataError, match=r"good/environment\.json is damaged .*remove"):
        write_recording(tmp_path, "next", frames())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good", *LISTS]


def test_a_recording_that_the_lists_cannot_take_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_recording(tmp_path, "first", frames())
    before = [(tmp_path / name).read_text() for name in LISTS]

    def full(*_: object) -> None:
        raise OutputError("stereo.txt cannot be written: no space left on device")

    with monkeypatch.context() as patch, pytest.raises(OutputError):
        patch.setattr(recording, "write_set_lists", full)
        write_recording(tmp_path, "second", frames())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", *LISTS]
    assert [(tmp_path / name).read_text() for name in LISTS] == before
    write_recording(tmp_path, "second", frames())
    assert len(open_set("rosbag", tmp_path, "stereo.txt").entries) == 6


def test_lists_are_replaced_both_or_none(tmp_path: Path) -> None:
    write_set_lists(tmp_path, ["a 1 l"], ["b 1 l"])
    with pytest.raises(OutputError, match=r"\.txt cannot be written: file too large"), limited_files(100):
        write_set_lists(tmp_path, ["a 1 l"], ["c" * 200])
    assert [(tmp_path / name).read_text() for name in LISTS] == ["a 1 l\n", "b 1 l\n"]
    assert sorted(path.name for path in tmp_path.iterdir()) == list(LISTS)


def test_a_recording_that_was_left_unlisted_is_listed_the_next_time(tmp_path: Path) -> None:
    write_recording(tmp_path, "first", frames())
    (tmp_path / "stereo.txt").write_text("")  # as a kill between the two steps leaves them
    with pytest.raises(DataError, match="first exists already"):
        write_recording(tmp_path, "first", frames())
    assert len(open_set("rosbag", tmp_path, "stereo.txt").entries) == 3


def test_a_bag_takes_no_recordings(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text("rosbag2_bagfile_information: {}\n")
    with pytest.raises(DataError, match="is a bag, and recordings need a folder of their own"):
        check_set_folder(tmp_path, RECORDINGS)
