# SPDX-License-Identifier: Apache-2.0
"""Images and videos of one camera: their order, their times, the camera they are given, and what is refused."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from helpers.indoor_model import CAMERA, HEIGHT, WIDTH, picture
from helpers.pictures import calibration, image_folder, save_image, video
from PIL import Image

from geo_perception.datasets.rgbd.camera_source import FieldOfView, read_calibration
from geo_perception.datasets.rgbd.image_folder import picture_files, read_pictures, read_video
from geo_perception.errors import ConfigError, DataError

LENS = FieldOfView(70.0)
PERIOD_NS = 10**8


def test_images_come_by_number_with_even_times(tmp_path):
    files = picture_files(image_folder(tmp_path / "views"))
    assert [file.name for file in files] == ["view8.png", "view9.jpg", "view10.ppm"]
    frames = list(read_pictures(files, LENS, PERIOD_NS))
    assert [frame.stamp_ns for frame in frames] == [PERIOD_NS, 2 * PERIOD_NS, 3 * PERIOD_NS]
    np.testing.assert_array_equal(frames[0].image, picture(seed=0))
    assert all(frame.depth_truth_m is None for frame in frames)


def test_an_image_is_a_folder_of_one(tmp_path):
    file = save_image(tmp_path / "view.png", picture()[..., 0])
    assert picture_files(file) == [file]
    (frame,) = read_pictures([file], LENS, PERIOD_NS)
    np.testing.assert_array_equal(frame.image, np.repeat(picture()[..., :1], 3, axis=2))


def test_what_a_phone_took_upright_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    Image.fromarray(picture()).save(tmp_path / "view.png", exif=exif)
    (frame,) = read_pictures([tmp_path / "view.png"], LENS, PERIOD_NS)
    np.testing.assert_array_equal(frame.image, np.rot90(picture(), -1))
    assert frame.camera.size == (WIDTH, HEIGHT)


def test_images_of_several_sizes_are_refused(tmp_path):
    files = [save_image(tmp_path / f"{w}.png", picture(96, w)) for w in (128, 64)]
    with pytest.raises(DataError, match=r"64\.png is 64x96, 128\.png is 128x96"):
        list(read_pictures(files, LENS, PERIOD_NS))


@pytest.mark.parametrize(
    ("content", "said"), [(b"no picture", "cannot be read"), (None, "is missing")], ids=["damaged", "missing"]
)
def test_an_unreadable_image_is_named(tmp_path, content, said):
    path = tmp_path / "view.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"view\.png {said}"):
        list(read_pictures([path], LENS, PERIOD_NS))


def test_a_16_bit_image_is_refused(tmp_path):
    Image.fromarray(np.full((HEIGHT, WIDTH), 4000, np.uint16)).save(tmp_path / "view.png")
    with pytest.raises(DataError, match=r"view\.png is not an 8-bit image"):
        list(read_pictures([tmp_path / "view.png"], LENS, PERIOD_NS))


def test_a_video_gives_its_frames_at_its_rate(tmp_path):
    frames = list(read_video(video(tmp_path / "room.avi", rate_hz=20.0), LENS))
    assert [frame.stamp_ns for frame in frames] == [50_000_000, 100_000_000, 150_000_000]
    for i, frame in enumerate(frames):
        difference = np.abs(frame.image.astype(int) - picture(seed=i))
        assert np.median(difference) < 8  # a lossy codec; channels in another order would differ far more


@pytest.mark.parametrize("suffix", ["mp4", "avi", "txt"])
def test_what_is_no_video_is_refused_in_one_line(tmp_path, suffix):
    path = tmp_path / f"room.{suffix}"
    path.write_bytes(b"no video")
    command = ["demo", str(path), "--graph", "indoor_depth", "--hfov", "70", "--out", str(tmp_path)]
    # a program of its own, because FFmpeg decides how much it says when it is first used
    done = subprocess.run(
        [sys.executable, "-m", "geo_perception.cli", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    said = f"geo-perception: {path} is no image, no bag, and no video that OpenCV can read"
    assert done.stderr.splitlines() == [said]


def test_a_field_of_view_is_a_camera(tmp_path):
    _, camera = LENS(picture(), "an image")
    assert 2 * math.degrees(math.atan(WIDTH / 2 / camera.fx)) == pytest.approx(70.0)
    assert (camera.fx, camera.cx, camera.cy) == (camera.fy, (WIDTH - 1) / 2, (HEIGHT - 1) / 2)
    assert camera.size == (HEIGHT, WIDTH)


@pytest.mark.parametrize("degrees", [0.0, 9.0, 180.0, math.nan])
def test_a_field_of_view_that_cannot_be_is_refused(degrees):
    with pytest.raises(ConfigError, match="hfov must be 10 to 150 degrees"):
        FieldOfView(degrees)


def test_a_calibration_is_taken_at_any_resolution_of_its_aspect(tmp_path):
    lens = read_calibration(calibration(tmp_path / "camera.yaml"))
    image, camera = lens(picture(), "an image")
    assert camera == CAMERA and image is not None and not lens.distorts
    assert lens(picture(2 * HEIGHT, 2 * WIDTH), "an image")[1] == CAMERA.scaled(2 * WIDTH, 2 * HEIGHT)
    with pytest.raises(DataError, match=r"view\.png is 96x96, the camera of .* 128x96: another aspect"):
        lens(picture(96, 96), "view.png")


def test_a_lens_that_distorts_is_rectified(tmp_path):
    lens = read_calibration(calibration(tmp_path / "camera.yaml", k1=0.1))
    columns = np.repeat(np.arange(WIDTH, dtype=np.uint8)[None, :, None], HEIGHT, axis=0).repeat(3, axis=2)
    image, camera = lens(columns, "an image")
    assert lens.distorts and camera == CAMERA
    x = (100 - CAMERA.cx) / CAMERA.fx  # along the middle row, where y is near 0
    assert image[47, 100, 0] == pytest.approx(CAMERA.cx + CAMERA.fx * x * (1 + 0.1 * x**2), abs=1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("image_width: 128", "image_width: wide", "image_width must be a positive number of pixels"),
        ("camera_matrix", "matrix", r"camera_matrix must hold \(3, 3\) numbers"),
        ("data: [80,", "data: [-80,", "fx, fy > 0"),
        ("data: [80,", "data: [.nan,", "camera_matrix holds numbers that are not finite"),
        ("plumb_bob", "omni", "'omni' is not one of plumb_bob, rational_polynomial"),
        ("image_width", "{image_width", "is not YAML"),
    ],
)
def test_calibrations_that_make_no_sense_are_refused(tmp_path, old, new, said):
    path = calibration(tmp_path / "camera.yaml")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=rf"camera\.yaml.*{said}"):
        read_calibration(path)


def test_a_calibration_must_exist(tmp_path):
    with pytest.raises(DataError, match=r"absent\.yaml cannot be read"):
        read_calibration(tmp_path / "absent.yaml")
