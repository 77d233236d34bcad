# SPDX-License-Identifier: Apache-2.0
"""The demo of the indoor graph: real processes on any indoor data, judged by what was received."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import frames as fake
from helpers import pictures, rgbd_folders
from helpers.indoor_model import picture, untrained_model, untrained_multi_frame_model
from helpers.processes import local_ros_environment

from geo_perception import cli
from geo_perception.datasets.rgbd.camera_source import FieldOfView, Lens, read_calibration
from geo_perception.errors import ConfigError, DataError
from geo_perception.ros.bags import BagTopics, read_camera_bag, write_bag
from geo_perception.ros.bags.layout import NO_STEREO
from geo_perception.ros.live_eval.bag_source import source_of
from geo_perception.ros.live_eval.run import DemoConfig, run
from geo_perception.ros.live_eval.task import Request
from geo_perception.ros.live_eval.tasks import node_parameters, task_of

FRAMES = 3
STAGE = task_of("indoor_depth")
LENS = FieldOfView(70.0)
# its depth lies where the graph publishes its own
ROBOT = BagTopics(
    left="/cam/image_rect", left_info="/cam/camera_info", truth="/depth/image_rect", **NO_STEREO
)


@pytest.fixture
def isolated(monkeypatch):
    """`run` changes the environment; this brings it back."""
    for name, value in local_ros_environment().items():
        monkeypatch.setenv(name, value)
    threads = torch.get_num_threads()
    torch.set_num_threads(
        int(os.environ["OMP_NUM_THREADS"])
    )  # as the node: a sum in other parts differs in its last digit
    yield
    torch.set_num_threads(threads)


def played(data: Path | None, folder: Path, make_model=untrained_model, lens: Lens | None = None) -> Path:
    """The result folder of a demo."""
    arguments = {"model": make_model(folder / "indoor"), "precision": "float32"}
    config = DemoConfig(
        data, "indoor_depth", frames=FRAMES, loops=1, scale=0.25, out=folder, arguments=arguments, lens=lens
    )
    return run(config).parent


@pytest.mark.ros
def test_rooms_go_through_the_graph_and_are_judged(tmp_path, isolated, capsys):
    pytest.importorskip("open3d")
    folder = played(None, tmp_path)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["frames"], metrics["frames_with_truth"]) == (FRAMES, FRAMES)
    said = capsys.readouterr()
    assert "simulated rooms: depth error, as the robot gets it" in said.out
    assert "inverse ramp over the rows" in said.out and "scaled" not in said.out
    assert f"accuracy     measured on {FRAMES} of {FRAMES} frames" in said.out
    assert "differs by at most 0 m" in " ".join(said.out.split())
    assert f"one frame after the other: {FRAMES} of {FRAMES} frames answered" in said.err
    assert "depth: true" in shown(folder) and "same box, hidden where true depth is nearer" in shown(folder)


def test_an_rgbd_folder_brings_camera_and_truth(tmp_path):
    rgbd_folders.redwood(tmp_path / "home")
    source = source_of(Request(tmp_path / "home", tmp_path / "bags"), STAGE)
    frames = list(STAGE.frames(source))
    assert [frame.camera.fx for frame in frames] == [pytest.approx(525 / 10)] * 2
    assert frames[0].depth_truth_m[-1, 0] == pytest.approx(3.0)
    assert math.isnan(frames[0].depth_truth_m[0, 0])
    assert source.kind == "Redwood"
    assert source.note.startswith("depth is registered to colour by the sensor; ")
    assert source.note.endswith("depth is in millimetres, as they are integers")


@pytest.mark.ros
@pytest.mark.parametrize("kind", ["images", "video", "bag"])
def test_data_without_truth_are_shown(tmp_path, isolated, capsys, kind):
    make = {
        "images": lambda: pictures.image_folder(tmp_path / "views", FRAMES),
        "video": lambda: pictures.video(tmp_path / "room.avi", FRAMES),
        "bag": lambda: pictures.camera_bag(tmp_path / "bag", ROBOT, FRAMES),
    }
    make_model = untrained_multi_frame_model if kind == "video" else untrained_model
    folder = played(make[kind](), tmp_path, make_model, None if kind == "bag" else LENS)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["frames"], metrics["frames_with_truth"]) == (FRAMES, 0)
    assert metrics["timings"]["NUM_FRAMES_SENT"] == FRAMES
    said = capsys.readouterr().out
    assert f"accuracy     unknown without true depth; answers to {FRAMES} of {FRAMES} frames" in said
    assert "differs by at most 0 m" in " ".join(said.split())
    assert "output age   median" in said and "depth error" not in said
    for panel in (
        "image",
        "depth: this model",
        "box of 0.4 m",
        "cloud of predicted depth, seen from above and beside the camera",
    ):
        assert panel in shown(folder)
    assert (folder / "overview.png").is_file()


def shown(folder: Path) -> str:
    return (folder / "report.html").read_text()


def test_a_bag_without_camera_is_written_anew_with_the_one_given(tmp_path):
    pictures.camera_bag(tmp_path / "bag", ROBOT)
    request = Request(tmp_path / "bag", tmp_path / "bags", lens=LENS, arguments={"image": "cam/image_rect"})
    source = source_of(request, STAGE)
    frames = list(read_camera_bag(source.bag))
    assert frames[0].camera == LENS(picture(), "")[1]
    assert [frame.stamp_ns for frame in frames] == [f.stamp_ns for f in pictures.camera_frames()]


def test_the_graph_listens_where_the_bag_has_its_camera(tmp_path):
    source = source_of(Request(pictures.camera_bag(tmp_path / "bag", ROBOT), tmp_path), STAGE)
    got = STAGE.arguments(source, {"image": "cam/image_rect", "aspect": "pad"})
    assert got == {"image": "/demo/cam/image_rect", "camera_info": "/demo/cam/camera_info", "aspect": "pad"}


def test_a_calibration_rectifies_and_says_so(tmp_path, capsys):
    pictures.image_folder(tmp_path / "views")
    lens = read_calibration(pictures.calibration(tmp_path / "camera.yaml", k1=0.1))
    source = source_of(Request(tmp_path / "views", tmp_path / "bags", lens=lens), STAGE)
    frame = next(STAGE.frames(source))
    assert frame.camera == pictures.CAMERA
    outside = frame.camera.outside  # the bag tells the node where there is no picture
    assert outside is not None and np.median(frame.image[outside]) == 0
    assert "images are rectified as" in capsys.readouterr().err


def test_no_more_frames_are_taken_than_asked_for(tmp_path):
    video = pictures.video(tmp_path / "room.avi", 5)
    source = source_of(Request(video, tmp_path / "bags", frames=2, lens=LENS), STAGE)
    assert source.info().frames == 2


def mixed(folder: Path) -> Path:
    pictures.save_image(folder / "a.png", picture())
    pictures.save_image(folder / "b.png", picture(64, 64))
    return folder


def tiny(folder: Path) -> Path:
    pictures.save_image(folder / "a.png", picture(8, 8))
    return folder


def tiny_bag(folder: Path) -> Path:
    write_bag(folder, fake.frames(2))
    return folder


def damaged(folder: Path) -> Path:
    pictures.image_folder(folder)
    (folder / "view9.jpg").write_bytes(b"no picture")
    return folder


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def several(folder: Path) -> Path:
    for name in ("home", "office"):
        rgbd_folders.redwood(folder / name)
    return folder


def text(folder: Path) -> Path:
    folder.mkdir()
    (folder / "room.mp4").write_bytes(b"no video")
    return folder / "room.mp4"


def cut(folder: Path) -> Path:
    (file,) = pictures.camera_bag(folder).glob("*.mcap")
    file.write_bytes(file.read_bytes()[:100])
    return folder


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (empty, r"holds no image \(png, jpg, .*\), and is neither an RGB-D folder nor a bag"),
        (mixed, r"b\.png is 64x64, a\.png is 128x96"),
        (tiny, "frame a: image is 8x8, allowed are 32 px a side"),
        (tiny_bag, "frame 000000: image is 48x24, allowed are 32 px a side"),
        (damaged, r"view9\.jpg cannot be read"),
        (text, r"room\.mp4 is no image, no bag, and no video that OpenCV can read"),
        (several, "holds several RGB-D folders; give one of them: home, office"),
        (cut, "cannot be read|is damaged"),
        (lambda folder: folder, "data does not exist"),
    ],
    ids=[
        "empty",
        "mixed sizes",
        "tiny",
        "tiny bag",
        "unreadable",
        "unknown video",
        "several",
        "damaged bag",
        "absent",
    ],
)
def test_data_that_cannot_be_played_are_named_in_one_line(tmp_path, make, said):
    with pytest.raises(DataError, match=said) as caught:
        source_of(Request(make(tmp_path / "data"), tmp_path / "bags", lens=LENS), STAGE)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("bags/*"))  # nothing half made stays


@pytest.mark.parametrize("make", [pictures.image_folder, lambda folder: pictures.video(folder / "room.avi")])
def test_a_camera_that_is_not_known_is_asked_for(tmp_path, make):
    with pytest.raises(ConfigError, match=r"is not known: give --hfov DEGREES, .* or --camera FILE"):
        source_of(Request(make(tmp_path / "data"), tmp_path / "bags"), STAGE)


def test_a_camera_that_is_known_is_not_overruled(tmp_path):
    rgbd_folders.redwood(tmp_path / "home")
    with pytest.raises(ConfigError, match=r"home \(Redwood\) has its own camera"):
        source_of(Request(tmp_path / "home", tmp_path / "bags", lens=LENS), STAGE)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--hfov", "70", "--camera", "x.yaml"], "give --hfov or --camera, not both"),
        (["--hfov", "200"], "hfov must be 10 to 150 degrees, got 200"),
    ],
)
def test_options_of_the_camera_are_checked(tmp_path, options, said):
    with pytest.raises(ConfigError, match=said):
        cli.run(["demo", str(tmp_path), "--graph", "indoor_depth", *options])


def test_arguments_and_parameter_file_make_the_offline_pipeline():
    got = node_parameters(
        "indoor_depth", {"scale_by_focal": "false", "model": "m", "image": "x", "aspect": ""}
    )
    assert (got["scale_by_focal"], got["model"], got["aspect"]) == (False, "m", "card")
    assert "image" not in got


def test_unknown_graphs_list_what_exists():
    with pytest.raises(ConfigError, match="kitti_fusion"):
        task_of("garden")
