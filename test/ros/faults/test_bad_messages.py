# SPDX-License-Identifier: Apache-2.0
"""Malformed input: one clear line, no output that is silently wrong, and the next good frame is answered."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import stereo_scene
from helpers.fusion_run import check_depth
from helpers.ros_peer import good_frame

from geo_perception.ros import conversions

pytestmark = pytest.mark.ros
Frame = dict[str, Any]


def truncated_image(frame: Frame) -> None:
    frame["left"].data = array.array("B", frame["left"].data[:-100])


def truncated_cloud(frame: Frame) -> None:
    frame["points"].data = array.array("B", frame["points"].data[:-7])


def wrong_step(frame: Frame) -> None:
    frame["right"].step = frame["right"].width


def unknown_encoding(frame: Frame) -> None:
    frame["left"].encoding = "rgb9"


def zero_size(frame: Frame) -> None:
    frame["left"].width = frame["left"].height = 0


def image_not_as_calibrated(frame: Frame) -> None:
    left, right = (image[:32, :96].copy() for image in stereo_scene.images())
    frame["left"] = conversions.encode_image(left, "rgb8", frame["left"].header)
    frame["right"] = conversions.encode_image(right, "rgb8", frame["right"].header)


def images_of_two_sizes(frame: Frame) -> None:
    frame["right"] = conversions.encode_image(
        stereo_scene.images()[1][:, :96].copy(), "rgb8", frame["right"].header
    )


def nan_in_k(frame: Frame) -> None:
    frame["left_info"].k = np.full(9, np.nan)


def zero_k(frame: Frame) -> None:
    frame["right_info"].k, frame["right_info"].p = np.zeros(9), np.zeros(12)


def swapped_cameras(frame: Frame) -> None:
    frame["left_info"], frame["right_info"] = frame["right_info"], frame["left_info"]
    frame["left"], frame["right"] = frame["right"], frame["left"]


def no_coordinates(frame: Frame) -> None:
    for field, name in zip(frame["points"].fields, "abcd", strict=True):
        field.name = name


def point_step_of_zero(frame: Frame) -> None:
    frame["points"].point_step = 0


def empty_cloud(frame: Frame) -> None:
    frame["points"] = conversions.encode_points(np.zeros((0, 4), np.float32), frame["points"].header)


def cloud_of_nan(frame: Frame) -> None:
    frame["points"] = conversions.encode_points(np.full((50, 4), np.nan, np.float32), frame["points"].header)


def cloud_of_zeros(frame: Frame) -> None:
    frame["points"] = conversions.encode_points(np.zeros((50, 4), np.float32), frame["points"].header)


def cloud_out_of_view(frame: Frame) -> None:
    points = stereo_scene.sweep() * np.float32([-1, 1, 1, 1])  # behind the camera
    frame["points"] = conversions.encode_points(points, frame["points"].header)


FAULTS: dict[Callable[[Frame], None], str] = {
    truncated_image: r"left/image_rect: image data is \d+ bytes, step \d+ x height \d+ needs \d+",
    truncated_cloud: r"cloud data is \d+ bytes, row_step \d+ x height \d+ needs \d+",
    wrong_step: r"image step is \d+, a row of \d+ rgb8 pixels needs \d+ bytes",
    unknown_encoding: r"left/image_rect: unknown image encoding 'rgb9', allowed: ",
    zero_size: r"left/image_rect: image size must be positive, got 0x0",
    image_not_as_calibrated: r"left/image_rect: image is 96x32, its CameraInfo says 160x64",
    images_of_two_sizes: r"right/image_rect: image is 96x64, its CameraInfo says 160x64",
    nan_in_k: r"left/camera_info: CameraInfo K must be finite with fx, fy > 0",
    zero_k: r"right/camera_info: CameraInfo K must be finite with fx, fy > 0",
    swapped_cameras: r"left and right swapped\?",
    no_coordinates: r"point cloud needs fields x, y, z, got a, b, c, d",
    point_step_of_zero: r"point_step must be positive, got 0",
    empty_cloud: r"points: the cloud is empty",
    cloud_of_nan: r"points: none of the cloud's 50 points is finite",
    cloud_of_zeros: r"points: none of the cloud's 50 points is a return: .*nearer than 0\.1 m",
    cloud_out_of_view: r"points: no return falls into the image",
}


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
def test_malformed_message_is_refused_and_the_next_frame_answered(
    fusion: Any, spoil: Callable[..., None]
) -> None:
    fusion.expect_good()
    frame, stamp_ns = fusion.next_frame()
    line = len(fusion.process.lines)
    spoil(frame)
    fusion.peer.send(frame)
    fusion.process.wait_for_line(FAULTS[spoil], after=line)
    fusion.expect_good()
    assert stamp_ns not in fusion.peer.outputs["depth"]
    assert not any("Traceback" in line for line in fusion.process.lines)


def test_swapped_images_with_unswapped_calibration_are_noticed(fusion: Any) -> None:
    """Every message is in order by itself, so the frame is answered; that stereo contradicts the lidar is said."""
    since = len(fusion.peer.statuses)
    _, stamp_ns = fusion.next_frame()
    frame = good_frame(stamp_ns, seed=2)
    frame["left"], frame["right"] = frame["right"], frame["left"]
    fusion.peer.send(frame)
    fusion.peer.wait_for_output(stamp_ns)

    def said() -> bool:  # in the values: the message still tells of the test before
        values = [pair for status in fusion.peer.statuses[since:] for pair in status.values]
        return any(pair.key == "degraded" and "images swapped" in pair.value for pair in values)

    fusion.peer.wait(said, "the disagreement in diagnostics")
    fusion.expect_good()


def test_points_without_return_are_dropped_and_counted(fusion: Any) -> None:
    """They would be a surface in the middle of the image: the lidar stands where the camera does."""
    frame, stamp_ns = fusion.next_frame()
    none = np.zeros((77, 4), np.float32)
    none[:, 0] = 0.02
    points = np.concatenate((none, stereo_scene.sweep()))
    frame["points"] = conversions.encode_points(points, frame["points"].header)
    since = len(fusion.peer.statuses)
    fusion.peer.send(frame)
    check_depth(fusion.peer.wait_for_output(stamp_ns))
    fusion.peer.wait(lambda: said(fusion, since, "points without return", "77"), "the count in diagnostics")


def test_a_baseline_in_another_unit_is_said_in_diagnostics_and_once_in_the_log(fusion: Any) -> None:
    line, since = len(fusion.process.lines), len(fusion.peer.statuses)
    for _ in range(2):
        frame, stamp_ns = fusion.next_frame()
        frame["right_info"].p[3] *= 0.01
        fusion.peer.send(frame)
        fusion.peer.wait_for_output(stamp_ns)
    fusion.peer.wait(lambda: said(fusion, since, "degraded", "too near: baseline"), "the disagreement")
    fusion.peer.wait(lambda: said(fusion, since, "stereo depth over lidar depth", "0.010"), "the ratio")
    fusion.process.wait_for_line("nothing nearer than", after=line)
    fusion.expect_good()


def said(fusion: Any, since: int, key: str, text: str) -> bool:
    values = [pair for status in fusion.peer.statuses[since:] for pair in status.values]
    return any(pair.key == key and text in pair.value for pair in values)


def test_bytes_that_are_no_message_do_not_end_the_node(fusion: Any) -> None:
    """As of a sender whose definition of the type is another, or of a damaged recording."""
    fusion.expect_good()
    rng = np.random.default_rng(0)
    for size in (0, 1, 3, 4, 5, 20, 200, 2000):
        for name, publisher in fusion.peer.inputs.items():
            header = b"\x00\x01\x00\x00" if (size + len(name)) % 2 else b""
            publisher.publish(header + rng.bytes(size))
    fusion.expect_good()
    assert not any("Traceback" in line for line in fusion.process.lines)


def test_unstamped_frame_is_refused(fusion: Any) -> None:
    fusion.expect_good()
    line = len(fusion.process.lines)
    fusion.peer.send(good_frame(0))
    fusion.process.wait_for_line(r"points: the stamp is 0, so the message is not stamped", after=line)
    fusion.expect_good()
    assert 0 not in fusion.peer.outputs["depth"]
