# SPDX-License-Identifier: Apache-2.0
"""Bags as recorders leave them, killed ones among them: what can be read is read, and the line names the way out."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers import frames as fake
from helpers.recordings import killed, rewritten, split, storage_file

from geo_perception.errors import DataError
from geo_perception.ros.bags import STORAGES, bag_info, is_bag, open_bag, read_bag, write_bag

FRAMES = 6


@pytest.fixture(params=STORAGES)
def bag(request, tmp_path: Path) -> Path:
    write_bag(tmp_path / "drive", fake.frames(FRAMES), request.param)
    return tmp_path / "drive"


def stamps(path: Path) -> list[int]:
    return [frame.stamp_ns for frame in read_bag(path)]


WANTED = [frame.stamp_ns for frame in fake.frames(FRAMES)]


def test_without_metadata_all_is_there_and_said(bag, caplog):
    assert stamps(killed(bag)) == WANTED
    assert f"{bag} has no metadata.yaml" in caplog.text and f"ros2 bag reindex {bag}" in caplog.text
    assert bag_info(bag).frames == FRAMES and is_bag(bag)


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_of_a_recording_that_was_cut_off_the_beginning_is_read(tmp_path, share, caplog):
    write_bag(tmp_path / "drive", fake.frames(100))
    killed(tmp_path / "drive", share)
    with open_bag(tmp_path / "drive") as bag:
        assert bag.message_count == sum(1 for _ in bag.messages())
        assert bag.message_count > 0.5 * share * (6 * 100 + 1)
    assert "is cut off" in caplog.text
    whole = list(fake.frames(100))
    read = list(read_bag(tmp_path / "drive"))
    assert [frame.stamp_ns for frame in read] == [frame.stamp_ns for frame in whole[: len(read)]]
    np.testing.assert_array_equal(read[-1].left, whole[len(read) - 1].left)


def test_a_recording_without_one_complete_record_is_refused(tmp_path):
    write_bag(tmp_path / "drive", fake.frames(2))
    killed(tmp_path / "drive", 0.001)
    with pytest.raises(DataError, match="drive"):
        stamps(tmp_path / "drive")


def test_a_file_that_metadata_knows_complete_is_refused_when_it_is_cut_off(bag):
    file = storage_file(bag)
    file.write_bytes(file.read_bytes()[:-3000])
    with pytest.raises(DataError, match=r"cut off"):
        stamps(bag)


def test_a_journal_that_a_killed_recorder_left_is_used(tmp_path, caplog):
    """With a write-ahead log, the newest messages are in the journal only."""
    write_bag(tmp_path / "drive", fake.frames(FRAMES), "sqlite3")
    file = storage_file(tmp_path / "drive")
    writer = sqlite3.connect(file)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.execute("UPDATE messages SET timestamp = timestamp + 5")
    writer.commit()
    (tmp_path / "killed").mkdir()
    for left in (tmp_path / "drive").glob("drive.db3*"):
        shutil.copyfile(left, tmp_path / "killed" / left.name)
    writer.close()
    before = {path.name: path.read_bytes() for path in (tmp_path / "killed").iterdir()}
    assert any(name.endswith("-wal") for name in before)
    with open_bag(tmp_path / "killed") as bag:
        assert bag.span_ns[0] == fake.START_NS + 5
        assert bag.message_count == 6 * FRAMES + 1
    assert "a copy is completed from drive.db3-wal" in caplog.text
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "killed").iterdir()}


def test_a_split_bag_is_read_in_the_order_of_its_files(tmp_path):
    parts = []
    for number in range(11):
        write_bag(tmp_path / f"part{number}", [fake.frame(number)])
        parts.append(tmp_path / f"part{number}")
    assert stamps(split(parts, tmp_path / "drive")) == [fake.frame(number).stamp_ns for number in range(11)]


def test_files_of_several_bags_are_not_taken_for_one(tmp_path):
    write_bag(tmp_path / "a", fake.frames(1))
    shutil.copyfile(storage_file(tmp_path / "a"), tmp_path / "kitchen.mcap")
    shutil.copyfile(storage_file(tmp_path / "a"), tmp_path / "garden.mcap")
    with pytest.raises(DataError, match=r"several bags; name one: garden\.mcap, kitchen\.mcap"):
        stamps(tmp_path)
    assert len(stamps(tmp_path / "garden.mcap")) == 1


@pytest.mark.parametrize(
    ("storage", "compression"),
    [("mcap", "file"), ("mcap", "message"), ("mcap", "storage"), ("sqlite3", "file"), ("sqlite3", "message")],
)
def test_compressed_bags_are_read_whole_or_by_their_file(tmp_path, storage, compression):
    write_bag(tmp_path / "drive", fake.frames(FRAMES))
    packed = rewritten(tmp_path / "drive", tmp_path / "packed", storage=storage, compression=compression)
    file = storage_file(packed)
    for path in (packed, file, packed / "metadata.yaml"):
        assert stamps(path) == WANTED
    assert stamps(killed(packed)) == WANTED


def test_a_compressed_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path, caplog):
    write_bag(tmp_path / "drive", fake.frames(200))
    packed = rewritten(tmp_path / "drive", tmp_path / "packed", compression="file")
    killed(packed, 0.8)
    with open_bag(packed) as bag:
        assert 0 < bag.message_count < 1201
        assert sum(1 for _ in bag.messages()) == bag.message_count
    assert "is cut off" in caplog.text


def test_quality_of_service_in_the_metadata_does_not_matter(bag):
    file = bag / "metadata.yaml"
    content = yaml.safe_load(file.read_text())
    rows = content["rosbag2_bagfile_information"]["topics_with_message_count"]
    for row, profiles in zip(rows, ([], "", [{"reliability": "best_effort"}], "no yaml: ["), strict=False):
        row["topic_metadata"]["offered_qos_profiles"] = profiles
    for change in (content, {**content}):
        file.write_text(yaml.safe_dump(change))
    rows[3]["topic_metadata"]["offered_qos_profiles"] = []
    file.write_text(yaml.safe_dump(content))
    assert stamps(bag) == WANTED


def test_a_file_that_metadata_lists_and_the_folder_lacks_is_named(bag):
    file = storage_file(bag)
    file.rename(file.with_name(f"renamed{file.suffix}"))
    with pytest.raises(DataError, match=rf"lists {file.name}, which is missing; there is renamed"):
        stamps(bag)
    assert stamps(file.with_name(f"renamed{file.suffix}")) == WANTED


@pytest.mark.parametrize("name", ["kitti.bag", "kitti.rosbag"])
def test_bags_of_ros_1_are_named_with_the_converter(tmp_path, name):
    (tmp_path / "old").mkdir()
    file = tmp_path / "old" / name
    file.write_bytes(b"#ROSBAG V2.0\n" + bytes(100))
    said = rf"is a bag of ROS 1; convert it by: rosbags-convert --src {file} --dst {file.with_suffix('')}$"
    with pytest.raises(DataError, match=said):
        stamps(file)
    assert is_bag(file)
    if name.endswith(".bag"):
        with pytest.raises(DataError, match=said):
            stamps(tmp_path / "old")


def test_names_with_spaces_are_quoted_in_commands(tmp_path):
    file = tmp_path / "my drive.bag"
    file.write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(DataError, match=r"--src '.*my drive\.bag' --dst '.*my drive'$"):
        stamps(file)
    write_bag(tmp_path / "our drive", fake.frames(2))
    assert len(stamps(tmp_path / "our drive")) == 2


def test_media_that_cannot_be_written_are_read(bag):
    for path in (*bag.iterdir(), bag):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        assert stamps(bag) == WANTED
    finally:
        bag.chmod(0o700)
    np.testing.assert_array_equal(next(read_bag(bag)).left, fake.frame(0).left)


def test_a_file_that_may_not_be_read_is_not_called_damaged(bag, monkeypatch):
    def refused(*given, **named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("geo_perception.ros.bags.opening._reader", refused)
    with pytest.raises(DataError, match=r"cannot be read: drive\.\w+: Permission denied$"):
        stamps(bag)


def test_a_missing_package_is_not_called_damage(bag, monkeypatch):
    def missing(*given, **named):
        raise ModuleNotFoundError("No module named 'mcap'", name="mcap")

    monkeypatch.setattr("geo_perception.ros.bags.opening._reader", missing)
    with pytest.raises(ModuleNotFoundError):
        stamps(bag)


def test_a_bag_without_messages_is_described(tmp_path):
    write_bag(tmp_path / "drive", fake.frames(1))
    empty = rewritten(tmp_path / "drive", tmp_path / "empty", lambda topic, message: None)
    info = bag_info(empty)
    assert (info.frames, info.duration_s, info.start_ns) == (0, 0, 0)
    with pytest.raises(DataError, match="no complete frame"):
        stamps(empty)


def test_what_metadata_lacks_is_named(bag, caplog):
    file = bag / "metadata.yaml"
    whole = yaml.safe_load(file.read_text())
    for text in ("[1, 2]", "rosbag2_bagfile_information: {}", "", "a: &b [*b]", "\0"):
        file.write_text(text)
        with pytest.raises(DataError, match=r"metadata\.yaml"):
            stamps(bag)
    whole["rosbag2_bagfile_information"]["message_count"] += 1
    file.write_text(yaml.safe_dump(whole))
    with caplog.at_level(logging.WARNING):
        assert stamps(bag) == WANTED
    assert "has 37 messages, metadata.yaml says 38" in caplog.text
