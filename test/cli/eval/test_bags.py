# SPDX-License-Identifier: Apache-2.0
"""`geo-perception eval` on bags: stamps apart, other names, no transforms, no return in view, images of one camera."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from helpers import scenes
from helpers.indoor_model import untrained_model
from helpers.pictures import camera_bag
from helpers.recordings import killed, rewritten

from geo_perception import cli
from geo_perception.errors import ConfigError, DataError
from geo_perception.evaluation.stereo_lidar_fusion import evaluate
from geo_perception.evaluation.stereo_lidar_fusion.tables import lidar_remarks, lidar_table
from geo_perception.ros.bags import BagTopics, write_bag
from geo_perception.ros.bags.layout import NO_STEREO

FRAMES = 2
LATE_NS = 300_000_000
TRUTH = "/ground_truth/depth/image_rect"


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "wall"
    write_bag(path, (replace(scenes.wall(seed=i), name=f"{i:06d}") for i in range(FRAMES)))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return untrained_model(tmp_path_factory.mktemp("models") / "random")


def evaluated(pipeline: str, data: Path, out: Path, *options: str) -> dict[str, Any]:
    """metrics.json without timings."""
    before = set(out.glob("eval-*"))
    assert cli.run(["eval", pipeline, str(data), "--out", str(out), *options]) == 0
    (folder,) = set(out.glob("eval-*")) - before
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["timings"]
    return metrics


def fused(data: Path, out: Path, *options: str) -> dict[str, Any]:
    return evaluated("stereo_lidar_fusion", data, out, "--fusion", "confidence", *options)


def late(topic: str, message: Any) -> Any:
    """Sweeps stamped later than the images of their moment."""
    if topic == "/points":
        message.header.stamp.nanosec += LATE_NS
    return message


def test_an_offset_gives_what_equal_stamps_give(bag: Path, tmp_path: Path) -> None:
    apart = rewritten(bag, tmp_path / "late", late)
    with pytest.raises(
        DataError, match=r"/points is stamped 0\.300 s later than .*: set lidar_offset_s 0\.300"
    ):
        fused(apart, tmp_path)
    want = fused(bag, tmp_path)
    assert fused(apart, tmp_path, "--lidar-offset-s", "0.3") == want
    assert want["frames_with_truth"] == FRAMES
    (folder, *_) = (path for path in tmp_path.glob("eval-*") if "0.3" in (path / "config.yaml").read_text())
    read = yaml.safe_load((folder / "config.yaml").read_text())["read"]
    assert read["lidar_offset_s"] == "0.3" and read["stereo_window_s"] == 0.01


def test_topics_of_other_names_are_taken_for_ours(bag: Path, tmp_path: Path) -> None:
    names = {"/left/image_rect": "/robot/cam0/image", "/points": "/robot/scan"}
    other = rewritten(bag, tmp_path / "other", names=lambda topic: names.get(topic, topic))
    with pytest.raises(DataError, match=r"lacks /left/image_rect, /points; it has .*/robot/scan"):
        fused(other, tmp_path)
    remap = [word for ours, theirs in names.items() for word in ("--remap", f"{theirs}:={ours}")]
    assert fused(other, tmp_path, *remap) == fused(bag, tmp_path)
    with pytest.raises(ConfigError, match=r"/scan:=/cloud: only these topics are read: .*/points"):
        fused(other, tmp_path, "--remap", "/scan:=/cloud")
    with pytest.raises(ConfigError, match=r"remap takes /left/image_rect for several inputs"):
        fused(bag, tmp_path, "--remap", "/left/image_rect:=/right/image_rect")


def test_the_pose_may_be_given_and_one_frame_needs_none(bag: Path, tmp_path: Path) -> None:
    bare = rewritten(bag, tmp_path / "bare", lambda topic, m: None if topic == "/tf_static" else m)
    with pytest.raises(DataError, match="'camera_left_optical_frame' is not in /tf_static, which has: none"):
        fused(bare, tmp_path)
    pose = " ".join(map(repr, scenes.CAMERA_FROM_LIDAR.reshape(-1).tolist()))
    assert fused(bare, tmp_path, "--camera-from-lidar", pose) == fused(bag, tmp_path)
    with pytest.raises(ConfigError, match="camera_from_lidar: a transform needs 16 values"):
        fused(bare, tmp_path, "--camera-from-lidar", "1, 2")

    def same_frame(topic: str, message: Any) -> Any:
        if topic == "/points":
            message.header.frame_id = "camera_left_optical_frame"
        return None if topic == "/tf_static" else message

    own = rewritten(bag, tmp_path / "own", same_frame)
    identity = " ".join(map(str, np.eye(4).reshape(-1)))
    assert fused(own, tmp_path) == fused(bare, tmp_path, "--camera-from-lidar", identity)


def test_frames_without_a_name_are_not_taken_for_one(bag: Path, tmp_path: Path) -> None:
    def nameless(topic: str, message: Any) -> Any:
        if topic in ("/points", "/left/image_rect"):
            message.header.frame_id = ""
        return message

    with pytest.raises(DataError, match="frame '' is not in /tf_static"):
        fused(rewritten(bag, tmp_path / "nameless", nameless), tmp_path)


def test_a_bad_transform_of_another_frame_is_left_out(bag: Path, tmp_path: Path, caplog) -> None:
    def with_wheel(topic: str, message: Any) -> Any:
        if topic == "/tf_static":
            import copy

            for child in ("wheel", "velodyne"):
                bad = copy.deepcopy(message.transforms[0])
                bad.child_frame_id, bad.transform.rotation.w = child, float("nan")
                message.transforms.append(bad)
        return message

    assert fused(rewritten(bag, tmp_path / "wheel", with_wheel), tmp_path) == fused(bag, tmp_path)
    assert "frame 'wheel' in 'camera_left_optical_frame' is left out" in caplog.text


def test_frames_without_a_return_in_view_are_counted_and_said(bag: Path, tmp_path: Path, capsys) -> None:
    def in_body_frame(topic: str, message: Any) -> Any:
        if topic == "/tf_static":
            for one in message.transforms:
                turn = one.transform.rotation
                turn.x, turn.y, turn.z, turn.w = 0.0, 0.0, 0.0, 1.0
        return message

    unseen = fused(rewritten(bag, tmp_path / "body", in_body_frame), tmp_path)
    said = capsys.readouterr()
    assert "lidar: no return in view in 2 of 2 frames; fused is stereo alone there" in said.err
    assert "Lidar not in view: fused is stereo alone" in said.out
    lidar = {
        "frames": 2,
        "frames_without_returns": 0,
        "frames_without_return_in_view": 2,
        "returns_in_view": 0.0,
    }
    assert unseen["lidar"] == lidar
    seen = fused(bag, tmp_path)
    assert seen["lidar"]["frames_without_return_in_view"] == 0 and seen["lidar"]["returns_in_view"] > 50
    assert "return in view" not in capsys.readouterr().err


def test_empty_clouds_are_no_matter_of_poses() -> None:
    frames = [replace(scenes.wall(seed=i), points_lidar=np.empty((0, 4), np.float32)) for i in range(3)]
    metrics = evaluate(lambda frame: scenes.answer(10.0), [*frames, scenes.wall(seed=3)]).metrics()
    assert (
        "lidar: no return in view in 3 of 4 frames, 3 of them with no return at all; fused is stereo alone there"
        in lidar_remarks(metrics)
    )
    assert lidar_table(metrics).rows == [
        ["frames without return in view", "3", "4"],
        ["frames without returns", "3", "4"],
    ]


def test_camera_info_may_come_once(bag: Path, tmp_path: Path, caplog) -> None:
    seen: set[str] = set()

    def once(topic: str, message: Any) -> Any:
        if not topic.endswith("camera_info"):
            return message
        first = topic not in seen
        seen.add(topic)
        message.header.stamp.sec = 0
        return message if first else None

    many = tmp_path / "many"
    write_bag(many, (replace(scenes.wall(seed=i), name=f"{i:06d}") for i in range(5)))
    assert fused(rewritten(many, tmp_path / "once", once), tmp_path) == fused(many, tmp_path)
    assert "/left/camera_info has 1 messages for 5 images" in caplog.text


@pytest.mark.parametrize("option", [("--lidar-window-s", "0.1"), ("--remap", "/a:=/points")])
def test_options_of_bags_are_refused_for_folders(tmp_path: Path, option: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match=rf"{option[0]} say how a bag is read"):
        fused(tmp_path, tmp_path, *option)


def test_indoor_depth_takes_bags_of_rooms_and_of_streets(bag: Path, tmp_path: Path, model: str) -> None:
    rooms = camera_bag(tmp_path / "rooms")
    metrics = evaluated("indoor_depth", rooms, tmp_path, "--model", model)
    assert metrics["frames"] == metrics["frames_with_truth"] == 3
    (described,) = metrics["data_sets"].values()
    assert described["kind"] == "bag" and described["typical_m"] == 2.0
    assert TRUTH in described["registration"]
    assert evaluated("indoor_depth", killed(rooms), tmp_path, "--model", model) == metrics
    street = evaluated("indoor_depth", bag, tmp_path, "--model", model, "--limit", "1")
    assert street["frames_with_truth"] == 1
    assert next(iter(street["data_sets"].values()))["typical_m"] == scenes.WALL_M


def test_indoor_topics_may_have_other_names(tmp_path: Path, model: str) -> None:
    topics = BagTopics(left="/cam/color", left_info="/cam/info", truth="/cam/depth", **NO_STEREO)
    path = camera_bag(tmp_path / "robot", topics)
    options = ("--model", model)
    with pytest.raises(
        DataError, match=r"no CameraInfo beside /cam/color; name it: --remap TOPIC:=/camera_info"
    ):
        evaluated("indoor_depth", path, tmp_path, *options)
    options += ("--remap", "/cam/info:=/camera_info")
    with pytest.raises(
        DataError, match=rf"no depth on {TRUTH} .*it has /cam/depth: name one by --remap TOPIC:={TRUTH}"
    ):
        evaluated("indoor_depth", path, tmp_path, *options)
    options += ("--remap", f"/cam/depth:={TRUTH}")
    metrics = evaluated("indoor_depth", path, tmp_path, *options)
    assert metrics["frames_with_truth"] == 3
