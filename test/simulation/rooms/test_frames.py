# SPDX-License-Identifier: Apache-2.0
"""Simulated rooms: pictures, depth, normals and poses of one world agree, and follow from seed and index alone."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from geo_perception.errors import ConfigError
from geo_perception.geometry import depth_to_points
from geo_perception.geometry.se3 import apply, inverse
from geo_perception.simulation.rooms import RANGES, SPACES, RoomConfig, RoomFrame, RoomSimulator
from geo_perception.simulation.rooms.simulator import range_label

# One small room and an ideal camera: what is left must agree by geometry alone.
SMALL = RoomConfig(width=96, height=80, rooms=(1, 1), room_size_m=(3.0, 4.0), sensor=0.0, reflections=0.0)
ARRAYS = ("left", "right", "depth_m", "depth_right_m", "normals", "camera_from_world")


@pytest.fixture(scope="module")
def simulator() -> RoomSimulator:
    return RoomSimulator(3, SMALL)


@pytest.fixture(scope="module")
def frames(simulator: RoomSimulator) -> list[RoomFrame]:
    return list(simulator.frames(6))


def same(a: RoomFrame, b: RoomFrame) -> bool:
    return all(getattr(a, n).tobytes() == getattr(b, n).tobytes() for n in ARRAYS)


def warped(image: np.ndarray, depth: np.ndarray, frame: RoomFrame) -> tuple[np.ndarray, np.ndarray]:
    """What the right eye's `image` shows at the left eye's pixels, and the columns it was taken from."""
    rows, columns = np.mgrid[0 : depth.shape[0], 0 : depth.shape[1]].astype(np.float32)
    x = (columns - frame.camera.fx * frame.baseline_m / depth).astype(np.float32)
    return cv2.remap(image, x, rows, cv2.INTER_LINEAR), x


def test_frames_keep_the_contract(frames: list[RoomFrame]) -> None:
    for k, f in enumerate(frames):
        assert f.name == f"{k:03d}"
        assert f.left.shape == f.right.shape == f.normals.shape == (80, 96, 3)
        assert f.left.dtype == f.right.dtype == np.uint8
        assert f.depth_m.shape == f.depth_right_m.shape == f.camera.size == (80, 96)
        assert f.depth_m.dtype == f.depth_right_m.dtype == f.normals.dtype == np.float32
        assert np.nanmin(f.depth_m) > 0 and np.nanmax(f.depth_m) < 12
        assert f.left.std() > 10
        assert f.baseline_m == pytest.approx(0.1312)
        assert f.space_type in SPACES and f.range_label in RANGES


def test_depth_of_flat_surfaces_lies_on_their_planes(
    simulator: RoomSimulator, frames: list[RoomFrame]
) -> None:
    """Floor pixels, back-projected and moved into the room, have height zero; ceiling pixels the room's height."""
    height, seen = simulator.environment.rooms[0].height, 0
    for f in frames:
        points = apply(inverse(f.camera_from_world), depth_to_points(f.depth_m, f.camera).reshape(-1, 3))
        up = f.normals.reshape(-1, 3) @ f.camera_from_world[:3, :3].astype(np.float32)
        floor = (points[:, 2] < 0.002) & (up[:, 2] > 0.99)
        ceiling = (points[:, 2] > height - 0.0005) & (up[:, 2] < -0.99)
        seen += int(floor.sum() + ceiling.sum())
        assert np.abs(points[floor, 2]).max(initial=0) < 1e-4
        assert np.abs(points[ceiling, 2] - height).max(initial=0) < 1e-4
        assert np.nanmin(points[:, 2]) > -1e-3 and np.nanmax(points[:, 2]) < height + 1e-3
    assert seen > 1000


def test_right_depth_agrees_with_left_depth_where_both_see(frames: list[RoomFrame]) -> None:
    for f in frames:
        other, x = warped(f.depth_right_m, f.depth_m, f)
        both = (x >= 0) & (x <= f.depth_m.shape[1] - 1)
        error = np.abs(other - f.depth_m)[both] / f.depth_m[both]
        assert np.median(error) < 1e-3
        assert (error < 0.02).mean() > 0.6  # the rest is hidden from one eye, or interpolated over an edge


def test_right_image_warped_by_depth_matches_the_left(frames: list[RoomFrame]) -> None:
    matched, unmatched = [], []
    for f in frames:
        there, x = warped(f.right, f.depth_m, f)
        other, _ = warped(f.depth_right_m, f.depth_m, f)
        both = (x >= 0) & (np.abs(other - f.depth_m) < 0.02 * f.depth_m)
        matched.append(np.abs(there.astype(float) - f.left).mean(-1)[both].mean())
        unmatched.append(np.abs(f.right.astype(float) - f.left).mean(-1)[both].mean())
    assert np.mean(matched) < 8
    assert np.mean(matched) < 0.5 * np.mean(unmatched)


def test_normals_are_unit_and_face_the_camera(frames: list[RoomFrame]) -> None:
    for f in frames:
        assert np.linalg.norm(f.normals, axis=-1) == pytest.approx(np.ones(f.depth_m.shape), abs=1e-4)
        assert (np.einsum("hwc,hwc->hw", f.normals, f.camera.rays) <= 1e-5).all()


def test_normals_are_those_of_the_depth(frames: list[RoomFrame]) -> None:
    for f in frames[:3]:
        points = depth_to_points(f.depth_m, f.camera)
        across, down = points[1:-1, 2:] - points[1:-1, :-2], points[2:, 1:-1] - points[:-2, 1:-1]
        normal = np.cross(down, across)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        cosine = np.einsum("hwc,hwc->hw", normal, f.normals[1:-1, 1:-1])
        assert np.median(cosine) > 0.999
        assert (cosine > 0.95).mean() > 0.5


def test_trajectory_poses_and_depths_belong_to_one_world(
    simulator: RoomSimulator, frames: list[RoomFrame]
) -> None:
    before, now, after = simulator.trajectory(1)
    assert same(now, frames[1])
    for other in (before, after):
        assert not np.allclose(other.camera_from_world, now.camera_from_world)
        relative = other.camera_from_world @ inverse(now.camera_from_world)
        assert np.linalg.norm(relative[:3, 3]) < 0.5
        points = apply(relative, depth_to_points(now.depth_m, now.camera).reshape(-1, 3))
        x = points[:, 0] / points[:, 2] * now.camera.fx + now.camera.cx
        y = points[:, 1] / points[:, 2] * now.camera.fy + now.camera.cy
        there = cv2.remap(
            other.depth_m,
            x.reshape(80, 96).astype(np.float32),
            y.reshape(80, 96).astype(np.float32),
            cv2.INTER_LINEAR,
        ).reshape(-1)
        inside = (x >= 0) & (x <= 95) & (y >= 0) & (y <= 79) & (points[:, 2] > 0.1)
        error = np.abs(there - points[:, 2])[inside] / points[inside, 2]
        assert np.median(error) < 2e-3
        assert (error < 0.03).mean() > 0.6


def test_frames_follow_from_seed_and_index_alone(frames: list[RoomFrame]) -> None:
    noisy = replace(SMALL, sensor=1.0)
    again = RoomSimulator(3, noisy)
    assert same(again.frame(4), RoomSimulator(3, noisy).frame(4))
    assert not same(again.frame(0), again.frame(4))
    np.testing.assert_array_equal(again.frame(4).depth_m, frames[4].depth_m)  # the sensor changes no geometry
    assert not np.array_equal(RoomSimulator(4, SMALL).frame(4).depth_m, frames[4].depth_m)


def test_label_follows_the_median_depth() -> None:
    assert [range_label(np.full((4, 4), d, np.float32)) for d in (0.8, 2.0, 5.0)] == list(RANGES)


def test_negative_seed_and_index_are_refused(simulator: RoomSimulator) -> None:
    with pytest.raises(ConfigError, match="seed"):
        RoomSimulator(-1)
    with pytest.raises(ConfigError, match="index"):
        simulator.frame(-1)
