# SPDX-License-Identifier: Apache-2.0
"""Depth moved to the colour camera beside the one that measured it, and the Kinect folders that need it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import rgbd_folders as rgbd
from helpers.indoor_folders import picture, save_png

from geo_perception.datasets.rgbd import nyu_raw, open_rgbd, seven_scenes
from geo_perception.datasets.rgbd.registration import DistortedCamera, registered
from geo_perception.datasets.rgbd.training_lists import open_set
from geo_perception.errors import DataError
from geo_perception.geometry import PinholeCamera

DEPTH = PinholeCamera(200.0, 200.0, 79.5, 59.5, 160, 120)
COLOUR = PinholeCamera(170.0, 170.0, 81.5, 58.5, 160, 120)
ASIDE = np.eye(4)
ASIDE[0, 3] = -0.025


def test_a_wall_stays_where_it_is():
    out = registered(
        np.full((120, 160), 2.0, np.float32), DistortedCamera(DEPTH), DistortedCamera(COLOUR), ASIDE
    )
    known = out > 0
    np.testing.assert_allclose(out[known], 2.0, atol=1e-6)
    # what the depth camera sees, seen by the other: its columns 0 and 159
    left, right = (170 * ((u - 79.5) / 200 * 2.0 - 0.025) / 2.0 + 81.5 for u in (0, 159))
    columns = np.flatnonzero(known.any(axis=0))
    assert (columns[0], columns[-1]) == (round(left), round(right))
    assert known[20:100, columns[0] : columns[-1] + 1].all()  # it shrinks, so that nothing is missed


def test_the_nearest_of_several_surfaces_wins():
    depth_m = np.full((120, 160), 4.0, np.float32)
    depth_m[:, 70:90] = 1.0
    out = registered(depth_m, DistortedCamera(DEPTH), DistortedCamera(COLOUR), ASIDE)
    near = np.flatnonzero(out[60] == 1.0)
    want = [round(170 * ((u - 79.5) / 200 - 0.025) + 81.5) for u in (70, 89)]
    assert (near[0], near[-1]) == tuple(want)
    assert set(np.unique(out[60])) == {
        0.0,
        1.0,
        4.0,
    }  # and what the pillar hid from the depth camera is unknown


def test_depth_is_along_the_axis_of_the_camera_that_sees_it():
    ahead = np.eye(4)
    ahead[2, 3] = -0.5
    out = registered(
        np.full((120, 160), 2.0, np.float32), DistortedCamera(DEPTH), DistortedCamera(DEPTH), ahead
    )
    np.testing.assert_allclose(out[out > 0], 1.5, atol=1e-6)


def test_the_same_view_changes_nothing_even_through_its_lens():
    depth_m = np.random.default_rng(0).uniform(1, 5, (120, 160)).astype(np.float32)
    depth_m[5, 7] = 0
    for view in (DistortedCamera(DEPTH), DistortedCamera(DEPTH, (0.1, -0.05, 0.001, 0.0, 0.0))):
        np.testing.assert_allclose(registered(depth_m, view, view, np.eye(4)), depth_m, atol=1e-5)


def test_no_depth_is_no_fault():
    nothing = np.zeros((120, 160), np.float32)
    assert not registered(nothing, DistortedCamera(DEPTH), DistortedCamera(COLOUR), ASIDE).any()


@pytest.mark.parametrize("matrix", [seven_scenes.COLOUR_FROM_DEPTH, nyu_raw.COLOUR_FROM_DEPTH])
def test_published_geometry_is_rigid_and_has_colour_right_of_depth(matrix):
    np.testing.assert_allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-5)
    assert matrix[0, 3] == pytest.approx(-0.0253, abs=3e-4)


def kinect_folder(
    folder: Path, intrinsics: str = "", suffix: str = ".png", size: tuple[int, int] = (480, 640)
) -> Path:
    """Three frames of a wall at 2 m in 7-Scenes' names."""
    for i in range(3):
        save_png(folder / f"frame-{i:06d}.color.png", picture("rgbd", *size))
        (folder / f"frame-{i:06d}.color.png").rename(folder / f"frame-{i:06d}.color{suffix}")
        rgbd.save_png16(folder / f"frame-{i:06d}.depth.png", np.full((480, 640), 2000))
    if intrinsics:
        (folder / "camera-intrinsics.txt").write_text(intrinsics)
    return folder


@pytest.mark.parametrize("intrinsics", ["", "585 0 320 0 585 240 0 0 1"])
@pytest.mark.parametrize("size", [(480, 640), (240, 320)])
def test_seven_scenes_is_one_camera_to_evaluation_and_training(tmp_path, intrinsics, size):
    folder = kinect_folder(tmp_path, intrinsics, size=size)
    frames, training = open_rgbd(folder), open_set("seven_scenes", folder)
    frame, entry = frames[1], training.entries[0]
    shares, _ = training.camera(entry)
    camera = frame.camera
    assert camera == seven_scenes.COLOUR.camera(size[1], size[0])
    assert (camera.fx / camera.width, camera.fy / camera.height) == pytest.approx((525 / 640, 525 / 480))
    assert (shares.fx, shares.fy) == pytest.approx((525 / 640, 525 / 480))
    assert (shares.cx * camera.width - 0.5, shares.cy * camera.height - 0.5) == pytest.approx(
        (camera.cx, camera.cy)
    )
    np.testing.assert_array_equal(np.nan_to_num(frame.depth_truth_m), training.depth(entry))
    known = np.flatnonzero(np.isfinite(frame.depth_truth_m[240]))
    # by hand: x = (u - 320) / 585 of columns 0 and 639, turned by 0.0079 and moved by 2.56 cm of 2 m
    assert known[0] == pytest.approx(21, abs=1) and known[-1] == pytest.approx(594, abs=1)
    np.testing.assert_allclose(frame.depth_truth_m[240, known], 2.0, atol=0.03)


def test_recorders_of_the_same_names_keep_their_camera_and_depth(tmp_path):
    folder = kinect_folder(tmp_path, "600 0 310 0 600 250 0 0 1")
    frames, training = open_rgbd(folder), open_set("seven_scenes", folder)
    assert frames[1].camera == PinholeCamera(600.0, 600.0, 310.0, 250.0, 640, 480)
    assert training.camera(training.entries[0])[0].fx == pytest.approx(600 / 640)
    assert (frames.truth(1) == 2.0).all() and (training.depth(training.entries[0]) == 2.0).all()


def test_a_calibration_above_the_frames_is_found(tmp_path):
    folder = kinect_folder(tmp_path / "data", size=(968, 1296))
    with pytest.raises(DataError, match="images are 1296x968 and no calibration lies beside them"):
        open_rgbd(folder)[0]
    K = "1158.3 0 649 0 0 1153.53 483.5 0 0 0 1 0 0 0 0 1"
    (tmp_path / "info.txt").write_text(
        f"m_colorWidth = 1296\nm_colorHeight = 968\nm_calibrationColorIntrinsic = {K}\n"
    )
    assert open_rgbd(folder)[0].camera == PinholeCamera(1158.3, 1153.53, 649.0, 483.5, 1296, 968)
    assert open_set("seven_scenes", folder).intrinsics.fx == pytest.approx(1158.3 / 1296)


def test_wide_recordings_under_the_same_names_keep_their_calibration(tmp_path):
    folder = kinect_folder(tmp_path, size=(360, 640))
    for path in folder.glob("*.depth.png"):
        rgbd.save_png16(path, np.full((360, 640), 2000))
    (folder / "intrinsic.json").write_text(
        '{"fx": 920, "fy": 920, "cx": 640, "cy": 360, "width": 1280, "height": 720}'
    )
    camera = open_rgbd(folder)[0].camera
    assert (camera.fx, camera.fy) == (460.0, 460.0)


@pytest.mark.parametrize("suffix", [".JPG", ".jpeg", ".PNG"])
def test_endings_in_any_case_are_seen_by_both(tmp_path, suffix):
    folder = kinect_folder(tmp_path, suffix=suffix)
    assert len(open_rgbd(folder)) == 3 and len(open_set("seven_scenes", folder).entries) == 1


def test_a_kinects_values_are_not_stretched_over_wide_images(tmp_path):
    folder = kinect_folder(tmp_path, size=(360, 640))
    with pytest.raises(DataError, match=r"color\.png is 640x360, depth .* is 640x480: another aspect"):
        open_rgbd(folder)[0]
    with pytest.raises(DataError, match="images are 640x360 and no calibration lies beside them"):
        open_set("seven_scenes", folder)
