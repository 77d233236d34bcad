# SPDX-License-Identifier: Apache-2.0
"""Sensors of a bag that are stamped apart: windows and offsets as the node has them, gaps named with their cure."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from helpers import frames as fake
from helpers.recordings import rewritten

from geo_perception.errors import ConfigError, DataError
from geo_perception.ros.bags import MatchWindows, read_bag, write_bag
from geo_perception.ros.nodes.stereo_lidar_fusion.parameters import (
    LEFT,
    LEFT_INFO,
    POINTS,
    RIGHT,
    FusionSettings,
)
from geo_perception.sync import Stream


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    write_bag(tmp_path / "drive", fake.frames(4))
    return tmp_path / "drive"


def write_stereo_apart(path: Path, shift_ns: int) -> None:
    """A bag whose sweeps are stamped later than the images."""
    from rosbags.rosbag2 import StoragePlugin, Writer

    from geo_perception.ros.bags.writer import FrameRecorder

    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        recorder = FrameRecorder(bag)
        for frame in fake.frames(4):
            late = replace(frame, stamp_ns=frame.stamp_ns + shift_ns)
            parts = dict(recorder._messages(late))
            for topic, message in {**dict(recorder._messages(frame)), "/points": parts["/points"]}.items():
                recorder._write(topic, frame.stamp_ns, message)
            if "/tf_static" in parts:
                recorder._write("/tf_static", frame.stamp_ns, parts["/tf_static"])


def test_a_window_joins_sensors_that_are_not_synchronised(tmp_path):
    write_stereo_apart(tmp_path / "drive", 20_000_000)
    with pytest.raises(DataError, match=r"no complete frame .*no_partner: 4"):
        list(read_bag(tmp_path / "drive", windows=MatchWindows.equal_to(0.0)))
    for windows in (None, MatchWindows(lidar_window_s=0.0, lidar_offset_s=0.02)):
        read = list(read_bag(tmp_path / "drive", windows=windows))
        assert [frame.stamp_ns for frame in read] == [frame.stamp_ns for frame in fake.frames(4)]


@pytest.mark.parametrize(
    ("shift_s", "says"),
    [
        (
            0.4,
            r"/points is stamped 0\.400 s later than /left/image_rect, .*0\.06 s: set lidar_offset_s 0\.400",
        ),
        (-0.4, r"/points is stamped 0\.400 s earlier than .*: set lidar_offset_s -0\.400"),
    ],
)
def test_a_gap_beyond_the_window_is_named_with_its_cure(tmp_path, shift_s, says):
    write_stereo_apart(tmp_path / "drive", round(shift_s * 1e9))
    with pytest.raises(DataError, match=says):
        list(read_bag(tmp_path / "drive"))
    read = list(read_bag(tmp_path / "drive", windows=MatchWindows(lidar_offset_s=shift_s)))
    for frame, want in zip(read, fake.frames(4), strict=True):
        np.testing.assert_array_equal(frame.points_lidar, want.points_lidar)


def test_stamps_that_stand_still_are_named(bag, tmp_path):
    def standing(topic, message):
        if topic == "/points":
            message.header.stamp.sec = message.header.stamp.nanosec = 0
        return message

    with pytest.raises(DataError, match="every message of /points bears the same stamp: its driver"):
        list(read_bag(rewritten(bag, tmp_path / "standing", standing)))


@pytest.mark.parametrize("count", [6, 12])
def test_a_recording_of_a_loop_has_the_frames_of_every_round(tmp_path, count):
    """Half a second is enough, as the time of receipt tells a second round from messages out of order."""
    write_bag(tmp_path / "drive", fake.frames(2 * count))
    first_ns, half_ns = fake.START_NS, count * fake.PERIOD_NS

    def again(topic, message):
        if topic != "/tf_static":
            stamp = message.header.stamp
            ns = first_ns + (stamp.sec * 10**9 + stamp.nanosec - first_ns) % half_ns
            stamp.sec, stamp.nanosec = divmod(ns, 10**9)
        return message

    read = list(read_bag(rewritten(tmp_path / "drive", tmp_path / "looped", again)))
    assert [frame.stamp_ns for frame in read] == [frame.stamp_ns for frame in fake.frames(count)] * 2
    for frame, want in zip(read, fake.frames(2 * count), strict=True):
        np.testing.assert_array_equal(frame.left, want.left)


def test_windows_are_those_of_the_node():
    node = FusionSettings()
    assert asdict(MatchWindows()) == {item: getattr(node, item) for item in asdict(MatchWindows())}
    streams = {stream.name: stream for stream in node.streams()}
    for part, name in (("left", LEFT), ("left_info", LEFT_INFO), ("right", RIGHT), ("points", POINTS)):
        ours, theirs = MatchWindows().stream(part), streams[name]
        assert (ours.window_s, ours.offset_s) == (theirs.window_s, theirs.offset_s)


@pytest.mark.parametrize(
    "values", [{"lidar_window_s": "-1"}, {"right_offset_s": "nan"}, {"lidar_offset_s": "x"}]
)
def test_windows_that_cannot_be_are_refused(values):
    with pytest.raises(ConfigError, match=r"allowed|seconds"):
        MatchWindows.named(values)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stereo_window_s": "-1"},
        {"lidar_window_s": "inf"},
        {"lidar_window_s": "1e300"},
        {"lidar_offset_s": "1e300"},
        {"right_offset_s": "-1e10"},
        {"right_offset_s": "nan"},
    ],
)
def test_seconds_that_no_stamp_can_count_are_refused(wrong: dict[str, str]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(ConfigError, match=f"{name} is .*; allowed: .* to 1e.09 s"):
        MatchWindows.named(wrong)
    with pytest.raises(ConfigError, match=r"of stream 'points' is .*; allowed: .* 1e.09 s"):
        Stream("points", **{"window_s": 0.1, f"{name.split('_')[1]}_s": float(value)})
