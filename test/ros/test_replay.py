# SPDX-License-Identifier: Apache-2.0
"""Replays over real transport: every frame, in order, bytes unchanged; lockstep waits, and says what is missing."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import frames as fake
from helpers.processes import local_ros_environment
from helpers.ros_peer import Peer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from geo_perception.cli import replay as cli
from geo_perception.cli.eval.bag_options import renaming
from geo_perception.errors import ConfigError, DataError, InputError
from geo_perception.ros import cdr, conversions
from geo_perception.ros.bags import write_bag
from geo_perception.ros.replay import ReplayConfig, replay, replay_each

pytestmark = pytest.mark.ros

FRAMES = 6
STAMPS = [fake.START_NS + index * fake.PERIOD_NS for index in range(FRAMES)]

KINDS = {
    "left/image_rect": "Image",
    "right/image_rect": "Image",
    "left/camera_info": "CameraInfo",
    "right/camera_info": "CameraInfo",
    "points": "PointCloud2",
}


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("bags") / "drive"
    write_bag(path, fake.frames(FRAMES))
    return path


@pytest.fixture
def peer(monkeypatch):
    environment = local_ros_environment()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    peer = Graph(int(environment["ROS_DOMAIN_ID"]))
    yield peer
    peer.close()


class Graph(Peer):
    """Stands for a graph: hears everything and, once asked to, answers every left image."""

    def __init__(self, domain_id: int) -> None:
        super().__init__(domain_id)
        self.heard: dict[str, list[Any]] = {}
        self.ignores: Callable[[int], bool] = lambda stamp_ns: False  # which left images get no answer
        self.answers: Any = None

    def listen(self, prefix: str = "", without: str = "") -> None:
        import sensor_msgs.msg

        for topic, kind in KINDS.items():
            if topic != without:
                self.hear(getattr(sensor_msgs.msg, kind), prefix + topic)

    def hear(self, kind: Any, topic: str) -> None:
        self.heard[topic] = []
        self.subscription(kind, topic, lambda message: self._take(topic, message))

    def answer(self) -> None:
        from sensor_msgs.msg import Image

        self.answers = self.publisher(Image, "depth/image_rect")

    def _take(self, topic: str, message: Any) -> None:
        self.heard[topic].append(message)
        if topic == "left/image_rect" and self.answers:
            stamp_ns = conversions.stamp_ns(message)
            if not self.ignores(stamp_ns):
                depth_m = np.ones((2, 2), np.float32)
                self.answers.publish(conversions.encode_depth(depth_m, message.header))

    def stamps(self, topic: str, count: int) -> list[int]:
        """Stamps heard on a topic, once that many have arrived."""
        self.wait(lambda: len(self.heard[topic]) >= count, f"{count} messages on {topic}")
        return [conversions.stamp_ns(message) for message in self.heard[topic]]


def test_everything_arrives_in_order_and_unchanged(bag, peer):
    peer.listen()
    result = replay(bag, ReplayConfig(rate=20))
    assert [sent.bag_stamp_ns for sent in result.sent] == STAMPS
    for topic in KINDS:
        assert peer.stamps(topic, FRAMES) == STAMPS, topic
    for index in range(FRAMES):
        frame = fake.frame(index)
        left = conversions.decode_rgb(peer.heard["left/image_rect"][index])
        points = conversions.decode_points(peer.heard["points"][index])
        np.testing.assert_array_equal(left, frame.left)
        np.testing.assert_array_equal(points, frame.points_lidar)


def test_spacing_is_that_of_the_bag_divided_by_the_rate(bag, peer):
    peer.listen()
    result = replay(bag, ReplayConfig(rate=2))
    published = [sent.published_ns for sent in result.sent]
    # A replay may be late on a busy machine, even with the first frame, but it must never be early.
    late_ns = 1_000_000 * (result.behind_ms + 1)  # and how far the wall clock may run from the monotonic one
    due = [published[0] - late_ns + index * fake.PERIOD_NS // 2 for index in range(FRAMES)]
    assert all(at >= when for at, when in zip(published, due, strict=True))


def test_loops_jump_back_unless_restamped(bag, peer):
    peer.listen()
    replay(bag, ReplayConfig(rate=20, loops=2))
    assert peer.stamps("points", 2 * FRAMES) == STAMPS * 2
    peer.heard["points"].clear()
    before_ns = time.time_ns()
    result = replay(bag, ReplayConfig(rate=20, loops=2, restamp=True))
    stamps = peer.stamps("points", 2 * FRAMES)
    assert stamps == [sent.stamp_ns for sent in result.sent]
    assert stamps == sorted(stamps)
    assert before_ns < stamps[0] < time.time_ns()


def test_lockstep_waits_for_every_answer(bag, peer):
    peer.listen()
    peer.answer()
    result = replay(bag, ReplayConfig(lockstep=True))
    assert [sent.bag_stamp_ns for sent in result.sent] == STAMPS
    assert peer.stamps("points", FRAMES) == STAMPS


@pytest.mark.parametrize("restamp", [False, True])
def test_lockstep_names_the_frame_without_answer(bag, peer, restamp):
    peer.listen()
    peer.answer()
    config = ReplayConfig(lockstep=True, answer="other", answer_timeout_s=0.3, restamp=restamp)
    from sensor_msgs.msg import Image

    peer.publisher(Image, "other")
    with pytest.raises(
        DataError, match=r"no answer on other to frame 0 .* connected, no answer so far; see /peer_\d+'s log"
    ):
        replay(bag, config)


def test_lockstep_goes_as_far_as_there_are_answers(bag, peer, monkeypatch):
    monkeypatch.setattr("geo_perception.ros.replay.answers.RESEND_S", 0.2)
    peer.listen()
    peer.answer()
    peer.ignores = STAMPS[3].__eq__
    config = ReplayConfig(lockstep=True, answer_timeout_s=3.0)
    said = (
        rf"frame 3 .* within 3 s: the newest answer has stamp {STAMPS[2]} ns; see /peer_\d+'s log .* killed"
    )
    with pytest.raises(DataError, match=said):
        replay(bag, config)


def test_lockstep_ends_when_nobody_is_left_to_answer(bag, peer):
    def leave(stamp_ns: int) -> bool:
        if stamp_ns == STAMPS[3]:
            peer.node.destroy_publisher(peer.answers)
        return stamp_ns == STAMPS[3]

    peer.listen()
    peer.answer()
    peer.ignores = leave
    said = (
        rf"frame 3 \(stamp {STAMPS[3]} ns\): /peer_\d+, which gave those before, has ended or was cleaned up"
    )
    with pytest.raises(DataError, match=said):
        replay(bag, ReplayConfig(lockstep=True, answer_timeout_s=60.0))


def test_parts_follow_each_other_through_the_same_publishers(bag, peer):
    peer.listen()
    peer.answer()
    parts = list(replay_each(bag, [ReplayConfig(lockstep=True), ReplayConfig(rate=20)]))
    assert [[sent.bag_stamp_ns for sent in part.sent] for part in parts] == [STAMPS, STAMPS]
    assert peer.stamps("points", 2 * FRAMES) == STAMPS * 2
    with pytest.raises(ConfigError, match="must begin so"):
        next(replay_each(bag, [ReplayConfig(), ReplayConfig(lockstep=True)]))


def test_a_first_set_that_is_lost_is_sent_again(bag, peer, monkeypatch):
    monkeypatch.setattr("geo_perception.ros.replay.answers.RESEND_S", 0.2)
    peer.listen()
    peer.answer()
    lost = [STAMPS[0]]
    peer.ignores = lambda stamp_ns: bool(lost) and stamp_ns == lost.pop()
    assert len(replay(bag, ReplayConfig(lockstep=True)).sent) == FRAMES
    assert peer.stamps("left/image_rect", FRAMES + 1) == [STAMPS[0], *STAMPS]


def test_missing_subscribers_are_named(bag, peer):
    peer.listen(without="points")
    said: list[str] = []
    with pytest.raises(
        DataError, match=r"no subscriber on /points, depth/image_rect \(no publisher\) within"
    ):
        replay(bag, ReplayConfig(wait_s=3.0, lockstep=True), said=said.append)
    assert said[-1].endswith("/points, depth/image_rect (no publisher)")


def test_without_waiting_nobody_needs_to_listen(bag, peer):
    result = replay(bag, ReplayConfig(rate=50, wait_s=0))
    assert len(result.sent) == FRAMES


def test_topics_can_be_renamed(bag, peer):
    peer.listen(prefix="kitti/", without="points")
    peer.hear(type_of("PointCloud2"), "lidar")
    config = ReplayConfig(rate=20, prefix="/kitti", remap={"/points": "/lidar"})
    replay(bag, config)
    assert peer.stamps("kitti/left/image_rect", FRAMES) == STAMPS
    assert peer.stamps("lidar", FRAMES) == STAMPS


def type_of(name: str) -> Any:
    import sensor_msgs.msg

    return getattr(sensor_msgs.msg, name)


def test_clock_follows_the_bag(bag, peer):
    from rosgraph_msgs.msg import Clock

    ticks: list[int] = []
    peer.listen()
    peer.subscription(Clock, "/clock", lambda m: ticks.append(m.clock.sec * 10**9 + m.clock.nanosec))
    replay(bag, ReplayConfig(rate=4, clock=True))
    peer.wait(lambda: ticks and ticks[-1] >= STAMPS[-1], "the last tick")
    assert ticks == sorted(ticks)
    assert len(ticks) > FRAMES


def test_the_command_reports_what_it_sent(bag, peer, tmp_path):
    peer.listen()
    report = tmp_path / "sent.json"
    arguments = [str(bag), "--rate", "20", "--restamp", "--report", str(report)]
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 0, result.output
    assert f"{FRAMES} frames sent" in result.stdout
    sent = json.loads(report.read_text())["sent"]
    assert [row["bag_stamp_ns"] for row in sent] == STAMPS


@pytest.mark.parametrize(
    "options, said",
    [
        ({"rate": 0.0}, "above 0, got 0"),
        ({"rate": float("nan")}, "nan"),
        ({"loops": -1}, "got -1"),
        ({"lockstep": True, "rate": 2.0}, "pace of the answers"),
        ({"restamp": True, "clock": True}, "choose one"),
        ({"wait_s": -1.0}, "wait_s must be 0 s or more"),
    ],
)
def test_contradicting_options_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        ReplayConfig(**options)


def test_a_bad_renaming_is_refused():
    with pytest.raises(ConfigError, match="FROM:=TO, got 'points'"):
        renaming("points")
    assert renaming("points:=/scan") == ("/points", "/scan")


@given(st.integers(0, 2**31 * 10**9 - 1), st.integers(0, 2**31 * 10**9 - 1), st.booleans(), st.binary())
def test_stamps_are_replaced_and_nothing_else(old_ns, new_ns, little, payload):
    order = "<iI" if little else ">iI"
    stamp = struct.pack(order, *divmod(old_ns, 10**9))
    data = bytes([0, int(little), 0, 0]) + stamp + payload
    assert cdr.stamp_of(data) == old_ns
    changed = cdr.with_stamp(data, new_ns)
    assert cdr.stamp_of(changed) == new_ns
    assert (changed[:4], changed[12:]) == (data[:4], data[12:])


def test_a_message_too_short_for_a_stamp_is_refused():
    with pytest.raises(InputError, match="got 5"):
        cdr.stamp_of(b"\x00\x01\x00\x00\x00")
