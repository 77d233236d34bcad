# SPDX-License-Identifier: Apache-2.0
"""Which topics of a bag a replay waits for and plays in lockstep: of both nodes, under whatever name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from helpers import frames as fake
from helpers.pictures import camera_bag
from helpers.recordings import rewritten
from typer.testing import CliRunner

from geo_perception.cli import replay as cli
from geo_perception.errors import DataError
from geo_perception.ros.bags import CAMERA_TOPICS, DEFAULT_TOPICS, MatchWindows, write_bag
from geo_perception.ros.replay import ReplayConfig, replay
from geo_perception.ros.replay.source import ReplaySource
from geo_perception.ros.runtime.transport import PROFILE_VARIABLE

pytestmark = pytest.mark.ros

FRAMES = 4
NAMES = {
    "/left/image_rect": "/kitti/camera_color_left/image_raw",
    "/left/camera_info": "/kitti/camera_color_left/camera_info",
    "/right/image_rect": "/kitti/camera_color_right/image_raw",
    "/right/camera_info": "/kitti/camera_color_right/camera_info",
    "/points": "/kitti/velo/pointcloud",
}
REMAP = {theirs: ours for ours, theirs in NAMES.items()}


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    write_bag(tmp_path / "drive", fake.frames(FRAMES))
    return tmp_path / "drive"


def inputs(path: Path, **options: Any) -> list[str]:
    source = ReplaySource(path, ReplayConfig(**options))
    try:
        return source.inputs
    finally:
        source.close()


def test_inputs_are_known_by_the_names_they_are_published_under(bag: Path, tmp_path: Path) -> None:
    assert inputs(bag) == list(DEFAULT_TOPICS.required.values())
    other = rewritten(bag, tmp_path / "kitti", names=lambda topic: NAMES.get(topic, topic))
    assert inputs(other, remap=REMAP) == [NAMES[topic] for topic in DEFAULT_TOPICS.required.values()]
    # in a robot's namespace, by a node that runs there
    robot = {theirs: f"robot1{ours}" for theirs, ours in REMAP.items()}
    assert inputs(other, remap=robot) == inputs(other, remap=REMAP)
    spaced = rewritten(bag, tmp_path / "spaced", names=lambda topic: f"/robot1{topic}")
    assert inputs(spaced) == [f"/robot1{topic}" for topic in DEFAULT_TOPICS.required.values()]
    assert inputs(camera_bag(tmp_path / "rooms")) == list(CAMERA_TOPICS.required.values())


def test_a_replay_of_renamed_topics_waits_for_subscribers(bag: Path, tmp_path: Path) -> None:
    other = rewritten(bag, tmp_path / "kitti", names=lambda topic: NAMES.get(topic, topic))
    with pytest.raises(DataError, match=r"no subscriber on /left/image_rect, .*, /points within 0\.2 s"):
        replay(other, ReplayConfig(remap=REMAP, wait_s=0.2))


def test_a_bag_without_inputs_says_so(bag: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = rewritten(bag, tmp_path / "other", names=lambda topic: f"/x{topic.replace('/', '_')}")
    assert inputs(other) == []
    assert "has no input of a node by its name" in caplog.text
    result = CliRunner().invoke(cli.app, [str(other), "--wait", "0", "--rate", "50"])
    assert result.exit_code == 0
    assert "0 messages sent, no image that a node takes under its own name among them" in result.stdout


def sets(path: Path, windows: MatchWindows | None = None) -> list[list[str]]:
    source = ReplaySource(path, ReplayConfig())
    try:
        return [[m.topic for m in one] for one in source.sets(windows or MatchWindows())]
    finally:
        source.close()


def test_sets_of_one_camera_are_its_image_and_camera_info(tmp_path: Path) -> None:
    found = sets(camera_bag(tmp_path / "rooms"))
    assert [sorted(one) for one in found] == [
        sorted([*CAMERA_TOPICS.required.values(), CAMERA_TOPICS.truth])
    ] * 3


def late(topic: str, message: Any) -> Any:
    if topic == "/points":
        message.header.stamp.sec += 1
    return message


def test_a_gap_within_sets_is_named_with_its_cure(bag: Path, tmp_path: Path) -> None:
    apart = rewritten(bag, tmp_path / "late", late)
    with pytest.raises(
        DataError, match=r"no complete set of .*: /points is stamped 1\.000 s later .*lidar_offset_s 1\.000"
    ):
        sets(apart)
    assert len(sets(apart, MatchWindows(lidar_offset_s=1.0))) == FRAMES


def test_camera_info_that_came_once_makes_no_set(bag: Path, tmp_path: Path) -> None:
    seen: set[str] = set()

    def once(topic: str, message: Any) -> Any:
        first = topic not in seen
        seen.add(topic)
        return message if first or not topic.endswith("camera_info") else None

    with pytest.raises(DataError, match=r"1 messages on /left/camera_info for 4 images"):
        sets(rewritten(bag, tmp_path / "once", once))


def test_the_profile_for_large_messages_is_brought(bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROFILE_VARIABLE, raising=False)
    seen: dict[str, str] = {}

    def play(path: Path, config: ReplayConfig, **options: Any) -> Any:
        seen.update(os.environ)
        raise DataError("enough seen")

    monkeypatch.setattr("geo_perception.ros.replay.replay", play)
    with pytest.raises(DataError):
        CliRunner().invoke(cli.app, [str(bag)], catch_exceptions=False)
    assert Path(seen[PROFILE_VARIABLE]).name == "fastdds.xml"
    monkeypatch.setenv(PROFILE_VARIABLE, "/mine.xml")
    with pytest.raises(DataError):
        CliRunner().invoke(cli.app, [str(bag)], catch_exceptions=False)
    assert seen[PROFILE_VARIABLE] == "/mine.xml"


def test_sets_that_are_left_out_are_counted(
    bag: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A gap of whole periods pairs some messages of different moments, so the number is a sign of it."""

    def periods_late(topic: str, message: Any) -> Any:
        message_late = late(topic, message)
        if topic == "/points":
            message_late.header.stamp.sec -= 1
            message_late.header.stamp.nanosec += 300_000_000
        return message_late

    assert len(sets(rewritten(bag, tmp_path / "late", periods_late))) == 1
    assert "3 of 4 images of bag" in caplog.text and "set lidar_offset_s 0.300" in caplog.text
