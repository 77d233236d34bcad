# SPDX-License-Identifier: Apache-2.0
"""Videos give each frame at the time that their container has for it, under any name and turned as it was taken."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.indoor_model import picture
from helpers.matroska import recorded
from helpers.pictures import calibration, video

from geo_perception.datasets.rgbd.camera_source import FieldOfView, read_calibration
from geo_perception.datasets.rgbd.image_folder import read_video
from geo_perception.datasets.rgbd.videos import pixel_aspect, square_pixels
from geo_perception.errors import DataError

LENS = FieldOfView(70.0)
TIMES_MS = [0, 52, 91, 117, 159, 200, 233, 280, 300, 333]


def stamps_ms(path: Path) -> list[float]:
    return [frame.stamp_ns / 1e6 for frame in read_video(path, LENS)]


def test_a_browsers_recording_keeps_its_times(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.webm", [picture(seed=i) for i in range(10)], TIMES_MS)
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == 1000  # what was believed once
    np.testing.assert_allclose(np.diff(stamps_ms(path)), np.diff(TIMES_MS), atol=0.01)
    assert stamps_ms(path)[0] > 0


def test_frames_come_after_each_other_even_where_the_file_says_otherwise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    times_ms = [0, 40, 80, 80, 160, 200, 240, 280, 320, 360]
    path = recorded(tmp_path / "a.webm", [picture(seed=i) for i in range(10)], times_ms)
    got = stamps_ms(path)
    assert (np.diff(got) > 0).all()
    assert got[-1] - got[0] == pytest.approx(360, abs=0.01)
    assert "1 of 10 frames have no time in the file, first 000003" in caplog.text


@pytest.mark.parametrize("count", [2, 12])
def test_a_thousand_frames_a_second_are_no_times(tmp_path: Path, count: int) -> None:
    path = recorded(tmp_path / "a.webm", [picture(seed=i) for i in range(count)], list(range(count)))
    with pytest.raises(DataError, match=r"a\.webm holds no times of its frames.*ffmpeg -i"):
        stamps_ms(path)


@pytest.mark.parametrize("count", [1, 2])
def test_frames_of_one_time_have_none(tmp_path: Path, count: int) -> None:
    path = recorded(tmp_path / "a.webm", [picture(seed=i) for i in range(count)], [0] * count)
    if count == 1:
        assert len(stamps_ms(path)) == 1
        return
    with pytest.raises(DataError, match="holds no times of its frames"):
        stamps_ms(path)


@pytest.mark.parametrize(
    "name",
    [
        "2024-01-01T10:30:00.avi",
        "http:room.avi",
        "100%.avi",
        "clip%03d.avi",
        "a b.avi",
        "räume_视频.avi",
        "-x.avi",
        "0.avi",
    ],
)
def test_names_are_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    video(tmp_path / "plain.avi").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(stamps_ms(Path(name))) == 3


def test_a_video_that_was_cut_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = video(tmp_path / "a.avi", 20)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with caplog.at_level(logging.WARNING):
        count = len(stamps_ms(path))
    assert 0 < count < 18
    assert f"ended after {count} frames, its header promises 20" in caplog.text


def turned(path: Path) -> Path:
    """An MP4 that says it is to be shown turned by 90 degrees clockwise, as phones held upright write it."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 20, (128, 96))
    for _ in range(2):
        writer.write(
            np.ascontiguousarray(np.repeat(np.arange(128, dtype=np.uint8)[None, :, None], 96, 0).repeat(3, 2))
        )
    writer.release()
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # ISO 14496-12: the matrix follows ten numbers of four bytes
    one, last = 1 << 16, 1 << 30
    matrix = (0, one, 0, -one, 0, 0, 96 * one, 0, last)
    content[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(content)
    return path


def test_what_a_phone_took_upright_is_upright(tmp_path: Path) -> None:
    image = next(iter(read_video(turned(tmp_path / "a.mp4"), LENS))).image
    assert image.shape == (128, 96, 3)
    assert image[5].mean() < 20 and image[-5].mean() > 110  # left became top


class FakeVideo:
    """A video's properties as OpenCV names them."""

    def __init__(self, sar: tuple[float, float], turn: float = 0.0) -> None:
        self.values = {
            cv2.CAP_PROP_SAR_NUM: sar[0], cv2.CAP_PROP_SAR_DEN: sar[1], cv2.CAP_PROP_ORIENTATION_META: turn
        }  # fmt: skip

    def get(self, name: int) -> float:
        return self.values[name]


@pytest.mark.parametrize(
    ("sar", "turn", "aspect"),
    [
        ((64, 45), 0, 64 / 45),
        ((64, 45), 270, 45 / 64),
        ((64, 45), 180, 64 / 45),
        ((0, 1), 0, 1),
        ((-1, -1), 90, 1),
    ],
)
def test_pixels_turn_with_the_image(sar: tuple[float, float], turn: float, aspect: float) -> None:
    assert pixel_aspect(FakeVideo(sar, turn)) == pytest.approx(aspect)


def test_a_field_of_view_is_of_square_pixels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = recorded(tmp_path / "a.mkv", [picture(seed=i) for i in range(2)], [0, 50], shown=(160, 96))
    stored, (frame, _) = picture(seed=0), read_video(path, LENS)
    assert frame.image.shape == (96, 160, 3)
    assert np.abs(frame.image.mean(axis=1) - stored.mean(axis=1)).mean() < 3
    focal = 80 / np.tan(np.radians(35))
    assert (frame.camera.fx, frame.camera.fy) == pytest.approx((focal, focal))
    said = "pixels are 1.25 times as wide as high: images are resized from 128x96 to 160x96"
    assert caplog.text.count(said) == 1


def test_a_calibration_is_of_the_pixels_as_stored(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.mkv", [picture()], [0], shown=(160, 96))
    lens = read_calibration(calibration(tmp_path / "camera.yaml"))
    assert next(iter(read_video(path, lens))).image.shape == (96, 128, 3)


@pytest.mark.parametrize(("aspect", "width"), [(1.0, 128), (1.009, 128), (0.75, 96), (2.0, 256), (9.0, 128)])
def test_pixels_become_squares(aspect: float, width: int, caplog: pytest.LogCaptureFixture) -> None:
    assert square_pixels(picture(), aspect, Path(f"{aspect}.mp4")).shape == (96, width, 3)
    assert ("cannot be: taken as squares" in caplog.text) == (aspect == 9)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no video that OpenCV can read"),
        (b"text", "no video that OpenCV can read"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", r"a\.mp4 is HEIF"),
        (None, r"a\.mp4 does not exist"),
    ],
)
def test_what_is_no_video_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(DataError, match=said):
        stamps_ms(tmp_path / "a.mp4")


def test_a_video_without_frames_is_named(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.mkv", [picture()], [0])
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\xa3\x01")])
    with pytest.raises(DataError, match=r"a\.mkv .*(holds no frame|no video) that OpenCV can read"):
        stamps_ms(path)
