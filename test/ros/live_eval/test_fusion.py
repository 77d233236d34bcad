# SPDX-License-Identifier: Apache-2.0
"""The demo as a user runs it: real processes, an honest account, clear errors, and nothing left running."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import numpy as np
import psutil
import pytest
from helpers import frames as fake
from helpers import stereo_scene
from helpers.processes import Process, local_ros_environment

from geo_perception.datasets.rgbd.camera_source import FieldOfView
from geo_perception.errors import ConfigError, DataError
from geo_perception.frames import StereoLidarFrame
from geo_perception.ros.bags import BagTopics, bag_info, write_bag
from geo_perception.ros.live_eval.bag_source import source_of
from geo_perception.ros.live_eval.leftovers import MARK, Mark, remove_leftovers, running_in, segments_of
from geo_perception.ros.live_eval.run import DemoConfig, run
from geo_perception.ros.live_eval.stereo_lidar_fusion import one_calibration
from geo_perception.ros.live_eval.summary import Played, age_in_words, drops_in_words, output_age_ms
from geo_perception.ros.live_eval.task import Request
from geo_perception.ros.live_eval.tasks import task_of
from geo_perception.ros.replay import Sent
from geo_perception.ros.runtime.transport import abandoned_segments

FRAMES = 4


def scene_frame(index: int) -> StereoLidarFrame:
    left, right = stereo_scene.images(index)
    return StereoLidarFrame(
        f"{index:06d}",
        fake.START_NS + index * fake.PERIOD_NS,
        left,
        right,
        stereo_scene.sweep(),
        stereo_scene.RIG,
        stereo_scene.CAMERA_FROM_LIDAR,
        np.full(left.shape[:2], 10.0, np.float32),
    )


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("bags") / "drive"
    write_bag(path, map(scene_frame, range(FRAMES)))
    return path


@pytest.fixture
def isolated(monkeypatch):
    """`run` changes the environment; this brings it back."""
    for name, value in local_ros_environment().items():
        monkeypatch.setenv(name, value)


@pytest.mark.ros
def test_every_frame_is_judged_by_the_message_received(bag, tmp_path, isolated, capsys):
    before = set(psutil.Process().children(recursive=True))
    report = run(DemoConfig(bag, loops=2, out=tmp_path))
    assert set(psutil.Process().children(recursive=True)) <= before
    assert report.is_file()
    metrics = json.loads((report.parent / "metrics.json").read_text())
    assert metrics["frames"] == FRAMES
    assert metrics["timings"]["NUM_FRAMES_SENT"] == 2 * FRAMES
    assert set(metrics["timings"]["output_age_ms"]) == {"p50", "p95", "p99"}
    said = capsys.readouterr()
    assert f"accuracy     measured on {FRAMES} of {FRAMES} frames" in said.out
    assert "differs by at most 0 m" in " ".join(said.out.split())
    assert f"one frame after the other: {FRAMES} of {FRAMES} frames answered" in said.err
    assert not (report.parent / MARK).exists()
    page = report.read_text()
    assert "<li>dropped: " in page and "<li>output age: median " in page


@pytest.mark.ros
def test_a_node_that_cannot_start_is_named_with_its_last_words(bag, tmp_path, isolated):
    arguments = {"fusion": "scadc", "fusion_model": str(tmp_path / "absent")}
    with pytest.raises(DataError, match=r"(?s)stereo_lidar_fusion ended with code 2.*absent"):
        run(DemoConfig(bag, out=tmp_path, arguments=arguments))


@pytest.fixture
def demo(bag, tmp_path):
    """A demo in the middle of a long replay, and its children; ended with the test, however that ends."""
    arguments = ["demo", str(bag), "--out", str(tmp_path), "--loop", "100000"]
    process = Process("geo_perception.cli", *arguments, environment=local_ros_environment())
    try:
        process.wait_for_line("one frame after the other: 4 of 4")
        yield process, psutil.Process(process.pid).children(recursive=True)
    finally:
        process.end()


@pytest.mark.ros
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_child_survives_the_demo(demo, number, tmp_path):
    process, children = demo
    assert children
    left = set(abandoned_segments())
    process.send(number)
    assert process.wait_for_exit() == (130 if number == signal.SIGINT else -number)
    assert not psutil.wait_procs(children, timeout=30)[1]
    if number == signal.SIGKILL:
        assert len(list(tmp_path.glob(f"demo-*/{MARK}"))) == 1
        assert "removed what killed demos had left: 1 folders" in remove_leftovers(tmp_path)
    assert not list(tmp_path.glob("demo-*")), "an interrupted demo has no result"
    assert set(abandoned_segments()) <= left


@pytest.mark.ros
def test_a_node_that_dies_ends_the_demo(demo):
    process, children = demo
    (node,) = (child for child in children if "stereo_lidar_fusion" in " ".join(child.cmdline()))
    node.kill()
    assert process.wait_for_exit() == 2
    process.wait_for_line("geo-perception: stereo_lidar_fusion ended with signal SIGKILL .*; its last lines:")
    assert not psutil.wait_procs(children, timeout=30)[1]


def test_ages_are_arrival_minus_stamp_of_what_arrived():
    sent = [Sent(i, i * 100_000_000, 0) for i in range(4)]
    received = {one.stamp_ns: one.stamp_ns + 5_000_000 * (1 + i) for i, one in enumerate(sent[:3])}
    assert output_age_ms(sent, received)["p50"] == pytest.approx(10.0)
    assert output_age_ms(sent, {})["p50"] is None


def played(**counts: str) -> Played:
    """Ten frames a second, and what the node counted."""
    sent = [Sent(i, i, i * 100_000_000) for i in range(101)]
    values = {"status": "ok", "dropped messages: late": "0"} | {
        k.replace("__", ": "): v for k, v in counts.items()
    }
    named = {key.replace("_", " ", 1): value for key, value in values.items()}
    return Played("kitti_fusion", 20, sent, 1, {"node: outputs": named})


def test_drops_are_explained():
    timings = {"NUM_FRAMES_SENT": 101, "NUM_MISSED_FRAMES": 86, "MEAN_FRAME_RATE": 1.5}
    said = drops_in_words(timings, played(skipped_sets__superseded="86"), 2)
    assert said.startswith(
        "86 of 101 frames. Two processors manage 1.500 of 10 frames/s; the newest frame wins and older ones are dropped"
    )
    assert "One processor manages 1.500 of" in drops_in_words(
        timings, played(skipped_sets__superseded="86"), 1
    )
    assert "64 processors manage" in drops_in_words(timings, played(skipped_sets__superseded="86"), 64)
    said = drops_in_words(timings, played(skipped_sets__no_partner="3"), 2)
    assert "3 frames no partner: no message of a required stream came within its window" in said
    assert "manage" not in said
    assert "lost on the way" in drops_in_words(timings, played(), 2)
    assert drops_in_words(timings | {"NUM_MISSED_FRAMES": 0}, played(), 2) == "none of 101 frames"


def test_age_is_told_in_words():
    assert age_in_words({"p50": 60.2, "p95": 218.4, "p99": 292.0}) == (
        "median 60 ms from the stamp of a frame to its depth; 95 % come within 218 ms, 99 % within 292 ms"
    )
    assert "no answer came" in age_in_words({"p50": None, "p95": None, "p99": None})


def test_failed_demos_keep_their_logs_and_interrupted_ones_nothing(tmp_path):
    for name, error in (
        ("failed", DataError("x")),
        ("broken", ValueError("x")),
        ("stopped", KeyboardInterrupt()),
    ):
        folder = tmp_path / name
        folder.mkdir()
        with pytest.raises(type(error)), running_in(folder):
            (folder / "node.log").write_text("said")
            raise error
    assert sorted(p.name for p in tmp_path.iterdir()) == ["broken", "failed"]
    assert [p.name for p in (tmp_path / "failed").iterdir()] == ["node.log"]


def test_a_demo_that_still_runs_is_left_alone(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "report.html").write_text("a finished one")
    (tmp_path / "demo-1").mkdir()
    mark = Mark(tmp_path / "demo-1")
    assert remove_leftovers(tmp_path) == ""
    mark._file.close()  # as the kernel does when the process is killed
    assert (
        remove_leftovers(tmp_path) == "removed what killed demos had left: 1 folders, 0 MB of shared memory"
    )
    assert [p.name for p in tmp_path.iterdir()] == ["other"]


def test_shared_memory_of_strangers_is_not_ours():
    assert segments_of(2**22 + 1) == []


def test_frames_of_another_calibration_are_left_out():
    moved = np.eye(4)
    mixed = [replace(fake.frame(i), camera_from_lidar=moved) if i % 2 else fake.frame(i) for i in range(6)]
    assert [frame.name for frame in one_calibration(mixed, 9)] == ["000000", "000002", "000004"]
    assert [frame.name for frame in one_calibration(mixed, 2)] == ["000000", "000002"]


def drive(folder, seed):
    request = Request(None, folder, frames=1, seed=seed, scale=0.1)
    return source_of(request, task_of("kitti_fusion")).bag


def test_a_simulated_drive_is_made_once(tmp_path):
    pytest.importorskip("open3d")
    path = drive(tmp_path, 3)
    made = path.stat().st_mtime_ns
    assert bag_info(path).frames == 1
    assert drive(tmp_path, 3).stat().st_mtime_ns == made
    assert drive(tmp_path, 4) != path


def test_unusable_data_is_named(tmp_path, bag):
    with pytest.raises(DataError, match="absent does not exist"):
        source_of(Request(tmp_path / "absent", tmp_path), task_of("kitti_fusion"))
    with pytest.raises(ConfigError, match="leave out --camera and --hfov"):
        source_of(Request(bag, tmp_path, lens=FieldOfView(70.0)), task_of("kitti_fusion"))
    assert bag_info(bag, BagTopics(points="/scan")).missing == ("/scan",)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"graph": "car"}, "no graph 'car'"),
        ({"frames": 0}, "--frames must be 1 to 100000, got 0"),
        ({"loops": -1}, "--loop must be 0 to 1e\\+06, got -1"),
        ({"rate": 0.0}, "--rate must be 0.01 to 100, got 0"),
        ({"rate": float("nan")}, "--rate must be .* got nan"),
        ({"scale": 0.0001}, "--scale must be 0.1 to 3, got 0.0001"),
        ({"lens": FieldOfView(70.0)}, "the simulated world has its camera"),
        ({"arguments": {"fusion": "magic"}}, "fusion must be one of"),
        ({"arguments": {"speed": "1"}}, "no argument 'speed'"),
    ],
)
def test_bad_options_are_refused_before_anything_starts(options, said):
    with pytest.raises(ConfigError, match=said):
        DemoConfig(**options)
