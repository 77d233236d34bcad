# SPDX-License-Identifier: Apache-2.0
"""Bags as training sets: images, depth and calibration survive, lists know what is a neighbour, faults are named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import frames as fake
from helpers.full_disk import limited_files
from helpers.indoor_training import losses, tiny_config

from geo_perception import cli
from geo_perception.datasets.rgbd.recording import RecordedFrame, neighboured, write_recording
from geo_perception.datasets.rgbd.training_lists import open_set
from geo_perception.errors import ConfigError, DataError
from geo_perception.ros.bags import BagTopics, read_recorded, write_bag
from geo_perception.ros.bags.camera_frames import STEREO_TOPICS

TRUTH = "/ground_truth/depth/image_rect"


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    write_bag(tmp_path / "drive", fake.frames(6))
    return tmp_path / "drive"


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_a_stereo_bag_becomes_a_set_with_its_own_camera(bag: Path, tmp_path: Path) -> None:
    assert cli.run(["bag", "to-folder", str(bag), str(tmp_path / "set")]) == 0
    indoor = open_set("rosbag", tmp_path / "set")
    assert [entry.index for entry in indoor.entries] == [1, 1, 2, 2, 3, 3, 4, 4]
    left, right = indoor.entries[2:4]
    want = fake.frame(2)
    assert np.array_equal(indoor.image(left), want.left) and np.array_equal(
        indoor.image(left, "s"), want.right
    )
    assert np.array_equal(indoor.image(right), want.right) and indoor.side(right) == 1
    assert np.array_equal(indoor.image(left, "-1"), fake.frame(1).left)
    intrinsics, baseline_m = indoor.camera(left)
    camera = fake.RIG.left
    assert baseline_m == pytest.approx(0.54)
    assert intrinsics.fx == pytest.approx(camera.fx / 48) and intrinsics.cy == pytest.approx(
        (camera.cy + 0.5) / 24
    )
    assert indoor.depth(left) is None
    assert len(lines(tmp_path / "set/stereo.txt")) == 12


def test_depth_comes_along_when_its_topic_is_named(bag: Path, tmp_path: Path) -> None:
    command = ["bag", "to-folder", str(bag), str(tmp_path / "set"), "--depth", TRUTH, "--right", ""]
    assert cli.run(command) == 0
    indoor = open_set("rosbag", tmp_path / "set", "stereo.txt")
    depth_m = indoor.depth(indoor.entries[5])
    np.testing.assert_array_equal(depth_m, np.nan_to_num(fake.frame(5).depth_truth_m))
    assert (depth_m == 0).any()
    with pytest.raises(DataError, match="rosbag has no stereo partners"):
        indoor.image(indoor.entries[0], "s")


def test_several_bags_make_one_set_and_it_trains(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_bag(tmp_path / name, fake.frames(4))
        assert cli.run(["bag", "to-folder", str(tmp_path / name), str(tmp_path / "set")]) == 0
    data = f"rosbag:{tmp_path / 'set'}"
    config = replace(tiny_config("both", data, tmp_path), validation=(), steps=2)
    from training.recipes.distdepth import train

    train(config)
    assert np.isfinite(list(losses(config).values())).all()
    assert not (config.out / "mean_depth.npy").exists()  # no depth, no mean of it


def test_only_neighbours_in_time_are_neighbours() -> None:
    assert neighboured([0, 10, 20, 30]) == {1, 2}
    assert neighboured([0, 10, 20, 50, 60, 70]) == {1, 4}
    assert neighboured([0, 10, 20, 5, 15, 25]) == {1, 4}  # a bag that was played twice into another
    assert neighboured([0]) == set()


def test_fewer_frames_move_more_between_neighbours(bag: Path, tmp_path: Path) -> None:
    assert write_recording(tmp_path / "set", "slow", read_recorded(bag), every=2) == 3
    record = json.loads((tmp_path / "set/slow/environment.json").read_text())
    assert np.diff(record["stamps_ns"]).tolist() == [2 * fake.PERIOD_NS] * 2
    assert lines(tmp_path / "set/temporal.txt") == ["slow/000001_0 1 l", "slow/000001_1 1 r"]


def recorded(number: int, depth_m: np.ndarray | None = None, **changes: object) -> RecordedFrame:
    image = fake.frame(number).left
    frame = RecordedFrame(number, image, None, fake.RIG.left, 0.0, depth_m)
    return replace(frame, **changes)


def test_moments_without_any_depth_are_left_out(tmp_path: Path) -> None:
    empty, full = np.zeros((24, 48), np.float32), np.ones((24, 48), np.float32)
    frames = [recorded(0, full), recorded(1, empty), recorded(2, full)]
    assert write_recording(tmp_path, "run", frames) == 2


@pytest.mark.parametrize(
    ("topics", "says"),
    [
        (replace(STEREO_TOPICS, left="/front/image"), r"lacks /front/image; it has .*/left/image_rect"),
        (
            replace(STEREO_TOPICS, right="/points"),
            r"/points is sensor_msgs/msg/PointCloud2, only sensor_msgs/msg/Image",
        ),
    ],
)
def test_wrong_topics_are_named(bag: Path, topics: BagTopics, says: str) -> None:
    with pytest.raises(DataError, match=says):
        list(read_recorded(bag, topics))


def test_faults_leave_nothing_behind(bag: Path, tmp_path: Path) -> None:
    other = replace(fake.RIG.left, fx=50.0)
    with pytest.raises(DataError, match=r"frame 1: the camera is .*fx=50"):
        write_recording(tmp_path / "set", "run", [recorded(0), recorded(1, camera=other)])
    with pytest.raises(DataError, match="no frame"):
        write_recording(tmp_path / "set", "run", [])
    with pytest.raises(ConfigError, match="every must be at least 1, got 0"):
        write_recording(tmp_path / "set", "run", [], every=0)
    with pytest.raises(DataError, match=r"set/run cannot be written"), limited_files(1000):
        write_recording(tmp_path / "set", "run", [recorded(0)])
    assert list((tmp_path / "set").iterdir()) == []


def test_a_recording_is_not_overwritten(tmp_path: Path) -> None:
    write_recording(tmp_path, "run", [recorded(0)])
    with pytest.raises(DataError, match="run exists already"):
        write_recording(tmp_path, "run", [recorded(0)])


def test_a_recording_without_its_record_is_refused(bag: Path, tmp_path: Path) -> None:
    write_recording(tmp_path / "set", "run", read_recorded(bag))
    (tmp_path / "set/run/environment.json").unlink()
    with pytest.raises(DataError, match=r"environment\.json is no record"):
        open_set("rosbag", tmp_path / "set")
