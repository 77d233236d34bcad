# SPDX-License-Identifier: Apache-2.0
"""Bags: frames survive the round trip, players find what they need, and damage is named."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers import frames as fake
from helpers.full_disk import limited_files
from typer.testing import CliRunner

from geo_perception.cli import bag as cli
from geo_perception.errors import ConfigError, DataError, OutputError
from geo_perception.geometry import StereoRig
from geo_perception.ros.bags import STORAGES, BagTopics, bag_info, read_bag, write_bag


def same(a, b) -> None:
    assert (a.name, a.stamp_ns) == (b.name, b.stamp_ns)
    for part in ("left", "right", "points_lidar"):
        np.testing.assert_array_equal(getattr(a, part), getattr(b, part))
    np.testing.assert_allclose(a.camera_from_lidar, b.camera_from_lidar, atol=1e-12)
    assert a.rig.left == b.rig.left
    assert a.rig.baseline_m == pytest.approx(b.rig.baseline_m)
    assert (a.depth_truth_m is None) == (b.depth_truth_m is None)
    if a.depth_truth_m is not None:
        np.testing.assert_array_equal(a.depth_truth_m, b.depth_truth_m)


@pytest.fixture
def bag(tmp_path):
    write_bag(tmp_path / "drive", fake.frames(4))
    return tmp_path / "drive"


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("options", [{}, {"truth": False}, {"points": 0}])
def test_frames_survive_the_round_trip(tmp_path, storage, options):
    written = list(fake.frames(5, **options))
    assert write_bag(tmp_path / "drive", written, storage) == 5
    read = list(read_bag(tmp_path / "drive"))
    assert len(read) == 5
    for before, after in zip(written, read, strict=True):
        same(before, after)
    assert all(after.rig is read[0].rig for after in read)  # so that rays are computed once


def test_points_without_return_do_not_survive_the_reader(tmp_path):
    want = fake.frame(0)
    none = np.array([[0, 0, 0, 1], [0.001, 0, 0, 1], [np.nan, 1, 2, 3]], np.float32)
    write_bag(tmp_path / "mixed", [replace(want, points_lidar=np.concatenate((none, want.points_lidar)))])
    same(next(read_bag(tmp_path / "mixed")), want)
    write_bag(tmp_path / "none", [replace(want, points_lidar=none)])
    with pytest.raises(DataError, match="none of the cloud's 3 points is a return"):
        next(read_bag(tmp_path / "none"))


def test_truth_may_be_there_for_some_frames_only(tmp_path):
    written = [fake.frame(0), fake.frame(1, truth=False), fake.frame(2), fake.frame(3, truth=False)]
    write_bag(tmp_path / "drive", written)
    for before, after in zip(written, read_bag(tmp_path / "drive"), strict=True):
        same(before, after)


def test_calibration_may_change_on_the_way(tmp_path, caplog):
    other = StereoRig(fake.RIG.left, 0.3)
    moved = replace(fake.frame(2), camera_from_lidar=np.eye(4))
    written = [fake.frame(0), fake.frame(1, rig=other), moved]
    with caplog.at_level(logging.WARNING):
        write_bag(tmp_path / "drive", written)
    assert "frame 000001: the calibration changes" in caplog.text
    for before, after in zip(written, read_bag(tmp_path / "drive"), strict=True):
        same(before, after)


def test_writing_needs_no_ros(tmp_path):
    code = (
        "import sys\n"
        "for name in ('rclpy', 'sensor_msgs', 'std_msgs', 'builtin_interfaces'): sys.modules[name] = None\n"
        "from helpers import frames\n"
        "from geo_perception.ros.bags import read_bag, write_bag\n"
        f"write_bag({str(tmp_path / 'drive')!r}, frames.frames(2))\n"
        f"assert len(list(read_bag({str(tmp_path / 'drive')!r}))) == 2\n"
    )
    test = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=test, timeout=120)


@pytest.mark.parametrize("storage", STORAGES)
def test_players_find_what_they_need_in_the_metadata(tmp_path, storage):
    write_bag(tmp_path / "drive", fake.frames(3), storage)
    text = (tmp_path / "drive" / "metadata.yaml").read_text()
    metadata = yaml.safe_load(text)["rosbag2_bagfile_information"]
    assert metadata["storage_identifier"] == storage
    assert all((tmp_path / "drive" / name).is_file() for name in metadata["relative_file_paths"])
    topics = {row["topic_metadata"]["name"]: row for row in metadata["topics_with_message_count"]}
    assert {name: row["message_count"] for name, row in topics.items()} == dict.fromkeys(topics, 3) | {
        "/tf_static": 1
    }
    (latched,) = topics["/tf_static"]["topic_metadata"]["offered_qos_profiles"]
    assert (latched["durability"], latched["reliability"]) == ("transient_local", "reliable")
    (offered,) = topics["/points"]["topic_metadata"]["offered_qos_profiles"]
    assert (offered["durability"], offered["reliability"]) == ("volatile", "reliable")
    assert topics["/points"]["topic_metadata"]["type_description_hash"].startswith("RIHS01_")


def test_camera_infos_carry_the_baseline_and_no_distortion(bag):
    from rosbags.highlevel import AnyReader

    with AnyReader([bag]) as reader:
        info = {}
        for connection, _, data in reader.messages():
            if connection.topic.endswith("camera_info"):
                info[connection.topic] = reader.deserialize(data, connection.msgtype)
    assert not info["/right/camera_info"].d.any()
    assert info["/left/camera_info"].p[3] == 0
    assert info["/right/camera_info"].p[3] == pytest.approx(-40.0 * 0.54)
    assert info["/right/camera_info"].header.frame_id == "camera_right_optical_frame"


class BrokenError(RuntimeError):
    pass


def breaking(count):
    yield from fake.frames(count)
    raise BrokenError


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_bag_broken_off_leaves_nothing_under_its_name(tmp_path, storage, overwrite):
    before = []
    if overwrite:
        write_bag(tmp_path / "drive", fake.frames(1), storage)
        before = [tmp_path / "drive"]
    with pytest.raises(BrokenError):
        write_bag(tmp_path / "drive", breaking(2), storage, overwrite=overwrite)
    assert list(tmp_path.iterdir()) == before
    assert not before or bag_info(tmp_path / "drive").frames == 1


def test_an_existing_bag_is_replaced_only_on_request(bag):
    with pytest.raises(DataError, match="exists already"):
        write_bag(bag, fake.frames(1))
    write_bag(bag, fake.frames(1), overwrite=True)
    assert bag_info(bag).frames == 1


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="'rosbag1', allowed: mcap, sqlite3"):
        write_bag(tmp_path / "a", fake.frames(1), "rosbag1")
    with pytest.raises(DataError, match="no frames"):
        write_bag(tmp_path / "b", [])
    with pytest.raises(DataError, match="does not follow"):
        write_bag(tmp_path / "c", [fake.frame(1), fake.frame(0)])
    with pytest.raises(DataError, match="frame 000000: points must be"):
        write_bag(tmp_path / "d", [replace(fake.frame(0), points_lidar=np.zeros((3, 3), np.float32))])
    assert not list(tmp_path.iterdir())


def test_info_names_what_is_missing(bag):
    info = bag_info(bag)
    assert (info.frames, info.has_truth, info.missing) == (4, True, ())
    assert info.duration_s == pytest.approx(0.3, abs=1e-6)
    assert [topic.name for topic in info.topics if topic.latched] == ["/tf_static"]
    other = bag_info(bag, BagTopics(points="/velodyne_points"))
    assert (other.frames, other.missing) == (0, ("/velodyne_points",))
    assert "missing   /velodyne_points" in other.lines()


def test_a_missing_topic_is_named_with_those_there(bag):
    with pytest.raises(DataError, match=r"lacks /cloud; it has .*/points"):
        next(read_bag(bag, BagTopics(points="/cloud")))


def test_extrinsics_can_be_given_where_tf_is_missing(bag):
    topics = BagTopics(tf_static="/none")
    with pytest.raises(DataError, match="'camera_left_optical_frame' is not in /tf_static"):
        next(read_bag(bag, topics))
    frame = next(read_bag(bag, topics, camera_from_lidar=np.eye(4)))
    np.testing.assert_array_equal(frame.camera_from_lidar, np.eye(4))


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_bag_is_named(tmp_path, storage, share):
    write_bag(tmp_path / "drive", fake.frames(6), storage)
    (file,) = (path for path in (tmp_path / "drive").iterdir() if path.suffix != ".yaml")
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match="drive"):
        list(read_bag(tmp_path / "drive"))


def test_what_is_no_bag_is_named(tmp_path):
    with pytest.raises(DataError, match="no bag"):
        bag_info(tmp_path / "absent")
    with pytest.raises(DataError, match="no bag"):
        bag_info(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match="cannot be read"):
        bag_info(tmp_path / "notes.txt")
    (tmp_path / "metadata.yaml").write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        bag_info(tmp_path)


def test_cli_describes_a_bag(bag):
    result = CliRunner().invoke(cli.app, ["info", str(bag)])
    assert result.exit_code == 0
    assert "frames    4, with ground truth" in result.stdout


@pytest.mark.parametrize("storage", STORAGES)
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, storage):
    with pytest.raises(DataError, match="drive cannot be written"), limited_files(10_000):
        write_bag(tmp_path / "drive", fake.frames(1), storage)
    assert list(tmp_path.iterdir()) == []


def test_only_bags_are_overwritten(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("kept")
    for place in ("home", "home/letter.txt"):
        with pytest.raises(DataError, match=r"cannot be overwritten: it holds 'letter.txt'"):
            write_bag(tmp_path / place, fake.frames(1), overwrite=True)
    with pytest.raises(OutputError, match=r"letter.txt is a file, not a folder"):
        write_bag(tmp_path / "home" / "letter.txt" / "drive", fake.frames(1))
    assert (tmp_path / "home" / "letter.txt").read_text() == "kept"
