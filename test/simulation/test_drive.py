# SPDX-License-Identifier: Apache-2.0
"""The simulated drive: a pure function of seed and index, whose sensors and truth agree with each other."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from geo_perception.errors import ConfigError
from geo_perception.frames import StereoLidarFrame
from geo_perception.geometry import project_lidar
from geo_perception.geometry.se3 import apply
from geo_perception.simulation.drive import STREETS, DriveConfig, DriveSimulator

SMALL = DriveConfig(width=414, height=125, edge_samples=1, density=0.6)
# No sensor errors at all: what is left must agree by geometry alone.
CLEAN = replace(
    SMALL,
    image_noise=0.0,
    view_difference=0.0,
    reflections=0.0,
    rectification_px=0.0,
    disparity_error_px=0.0,
    range_noise_m=0.0,
    dropout=0.0,
    mixed_share=0.0,
    calibration_jitter=0.0,
    edge_samples=2,
)
ARRAYS = ("left", "right", "points_lidar", "depth_truth_m")


@pytest.fixture(scope="module")
def clean() -> StereoLidarFrame:
    return DriveSimulator(3, replace(CLEAN, street="residential")).frame(2)


def same(a: StereoLidarFrame, b: StereoLidarFrame) -> bool:
    return all(getattr(a, n).tobytes() == getattr(b, n).tobytes() for n in ARRAYS)


def test_frames_do_not_depend_on_what_was_asked_before() -> None:
    in_order = DriveSimulator(5, SMALL)
    frames = {index: in_order.frame(index) for index in (0, 1, 90)}
    jumping = DriveSimulator(5, SMALL)
    for index in (90, 1, 0):
        assert same(frames[index], jumping.frame(index))


def test_seeds_and_moments_differ() -> None:
    drive = DriveSimulator(5, SMALL)
    assert not same(drive.frame(0), drive.frame(1))
    assert not same(drive.frame(0), DriveSimulator(6, SMALL).frame(0))


def test_frames_come_at_ten_hertz_and_keep_the_contract() -> None:
    frames = list(DriveSimulator(7, SMALL).frames(3))
    assert [f.name for f in frames] == ["000000", "000001", "000002"]
    assert [f.stamp_ns for f in frames] == [1_000_000_000, 1_100_000_000, 1_200_000_000]
    for f in frames:
        assert f.left.shape == f.right.shape == (125, 414, 3)
        assert f.left.dtype == f.right.dtype == np.uint8
        assert f.rig.left.size == (125, 414)
        assert f.points_lidar.dtype == np.float32 and f.points_lidar.shape[1] == 4
        assert np.isfinite(f.points_lidar).all()
        assert f.points_lidar[:, 3].min() >= 0 and f.points_lidar[:, 3].max() <= 1
        assert f.depth_truth_m is not None and f.depth_truth_m.dtype == np.float32
        assert f.depth_truth_m.shape == (125, 414)
        assert np.nanmin(f.depth_truth_m) > 0


def test_full_size_has_kittis_calibration() -> None:
    rig = DriveSimulator(0).mounting.rig
    assert (rig.left.width, rig.left.height) == (1242, 375)
    assert (rig.left.fx, rig.left.cx, rig.left.cy) == pytest.approx((721.5377, 609.5593, 172.854))
    assert rig.baseline_m == pytest.approx(0.532725)


@pytest.mark.parametrize("street", STREETS)
def test_every_street_is_seen_by_both_sensors(street: str) -> None:
    f = DriveSimulator(11, replace(SMALL, street=street)).frame(0)
    seen = np.isfinite(f.depth_truth_m)
    assert seen[62:].mean() > 0.97  # below the horizon there is ground
    assert f.left.std() > 15
    sparse = project_lidar(apply(f.camera_from_lidar, f.points_lidar[:, :3]), f.rig.left)
    assert (
        np.isfinite(sparse)[70:].mean() > 0.2
    )  # a third of the size: nine times KITTI's 6 %, less collisions


def test_lidar_agrees_with_truth_but_sees_past_things(clean: StereoLidarFrame) -> None:
    sparse = project_lidar(apply(clean.camera_from_lidar, clean.points_lidar[:, :3]), clean.rig.left)
    both = np.isfinite(sparse) & np.isfinite(clean.depth_truth_m)
    relative = sparse[both] / clean.depth_truth_m[both] - 1
    assert (
        np.median(np.abs(relative)) < 0.02
    )  # a pixel is three of KITTI's, so that the road slopes within it
    assert (np.abs(relative) < 0.1).mean() > 0.85
    assert (relative > 0.2).mean() > 0.002


def test_upper_scene_has_truth_and_no_lidar(clean: StereoLidarFrame) -> None:
    sparse = project_lidar(apply(clean.camera_from_lidar, clean.points_lidar[:, :3]), clean.rig.left)
    upper = slice(0, 30)
    assert np.isfinite(sparse[upper]).mean() < 0.01
    assert np.isfinite(clean.depth_truth_m[upper]).mean() > 0.1


def test_right_image_warped_by_truth_matches_the_left(clean: StereoLidarFrame) -> None:
    depth = clean.depth_truth_m
    assert depth is not None
    disparity = clean.rig.disparity_from_depth(depth)
    rows, columns = np.mgrid[0:125, 0:414].astype(np.float32)
    x = np.nan_to_num(columns - disparity, nan=-1.0).astype(np.float32)
    warped = cv2.remap(clean.right, x, rows, cv2.INTER_LINEAR).astype(np.float32)
    valid = np.isfinite(disparity) & (x >= 0)
    error = np.abs(warped - clean.left).mean(-1)[valid]
    unaligned = np.abs(clean.right.astype(np.float32) - clean.left).mean(-1)[valid]
    assert np.median(error) < 4
    assert np.median(error) < 0.4 * np.median(unaligned)


def test_images_and_truth_do_not_change_with_the_lidar(clean: StereoLidarFrame) -> None:
    other = DriveSimulator(3, replace(CLEAN, street="residential", max_range_m=20.0)).frame(2)
    assert clean.depth_truth_m is not None and other.depth_truth_m is not None
    np.testing.assert_array_equal(clean.left, other.left)
    np.testing.assert_array_equal(clean.depth_truth_m, other.depth_truth_m)
    assert np.linalg.norm(other.points_lidar[:, :3], axis=1).max() < 20.5


def test_noise_and_losses_can_be_switched_off(clean: StereoLidarFrame) -> None:
    noisy = DriveSimulator(3, replace(CLEAN, street="residential", dropout=1.0, image_noise=1.0)).frame(2)
    assert len(noisy.points_lidar) < len(clean.points_lidar)
    assert not np.array_equal(noisy.left, clean.left)


def test_whole_sweep_reaches_behind_the_car() -> None:
    points = (
        DriveSimulator(1, replace(SMALL, lidar_fov_deg=360.0, azimuth_step_deg=1.0)).frame(0).points_lidar
    )
    assert (points[:, 0] < -5).mean() > 0.2


def test_calibration_error_is_hidden_from_users() -> None:
    jittered = DriveSimulator(2, replace(SMALL, calibration_jitter=5.0)).mounting
    np.testing.assert_array_equal(
        jittered.camera_from_lidar, DriveSimulator(9, CLEAN).mounting.camera_from_lidar
    )
    assert not np.allclose(jittered.camera_from_lidar, jittered.true_camera_from_lidar, atol=1e-4)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"width": 10}, "width"),
        ({"height": 99.5}, "height"),
        ({"street": "motorway"}, "residential"),
        ({"dropout": -1.0}, "dropout"),
        ({"max_range_m": float("nan")}, "max_range_m"),
        ({"lidar_fov_deg": 400.0}, "360"),
    ],
)
def test_bad_settings_are_named(values: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        DriveConfig(**values)  # type: ignore[arg-type]


def test_negative_seed_and_index_are_refused() -> None:
    with pytest.raises(ConfigError, match="seed"):
        DriveSimulator(-1)
    with pytest.raises(ConfigError, match="index"):
        DriveSimulator(1, SMALL).frame(-1)
