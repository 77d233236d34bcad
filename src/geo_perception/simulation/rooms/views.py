# SPDX-License-Identifier: Apache-2.0
"""Poses of a camera held by hand between the furniture, and the rules that reject useless views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Matrix
from geo_perception.errors import ConfigError
from geo_perception.geometry import PinholeCamera
from geo_perception.geometry.se3 import transform
from geo_perception.simulation.casting import NO_HIT
from geo_perception.simulation.rooms.config import RoomConfig
from geo_perception.simulation.rooms.environment import Environment
from geo_perception.simulation.rooms.furnishing import Placed
from geo_perception.simulation.rooms.plan import Room
from geo_perception.simulation.rooms.rendering import rotated

Rng = np.random.Generator
ATTEMPTS = 300  # as SimSIN's generator
PROBE = 24  # rays a side that test a view


@dataclass(frozen=True)
class Pose:
    """Pose of the left eye: position, and yaw, pitch (down positive) and roll in radians."""

    place: NDArray[np.float64]
    angles: NDArray[np.float64]

    @property
    def world_from_camera(self) -> Matrix:
        """Compute the 4x4 transform from the optical frame (x right, y down, z forward) to the room (z up)."""
        yaw, pitch, roll = self.angles
        ahead = np.array([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), -np.sin(pitch)])
        right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
        down = np.cross(ahead, right)
        c, s = np.cos(roll), np.sin(roll)
        return transform(np.stack([c * right + s * down, -s * right + c * down, ahead], 1), self.place)

    def moved(self, step: NDArray[np.float64], turn: NDArray[np.float64]) -> Pose:
        """Return the pose moved by `step` metres and turned by `turn` radians."""
        return Pose(self.place + step, self.angles + turn)


def right_eye(world_from_left: Matrix, baseline_m: float) -> Matrix:
    """Compute the pose of the right camera."""
    return np.asarray(world_from_left @ transform(np.eye(3), (baseline_m, 0.0, 0.0)))


def draw_trajectory(
    env: Environment, config: RoomConfig, camera: PinholeCamera, rng: Rng
) -> tuple[Pose, Pose, Pose]:
    """Draw poses at t-1, t and t+1 of a view that shows something in both eyes at all three moments.

    Raises:
        ConfigError: no such view was found, as in rooms too small or too full for the camera's height.
    """
    for _ in range(ATTEMPTS):
        pose = _draw_pose(env, config, rng)
        if pose is None:
            continue
        step, turn = _motion(config, rng)
        shake = rng.normal(0, 0.2, (2, 3))
        before = pose.moved(-step * (1 + shake[0]), -turn)
        after = pose.moved(step * (1 + shake[1]), turn)
        if all(useful(env, camera, p.world_from_camera, config.baseline_m) for p in (pose, before, after)):
            return before, pose, after
    raise ConfigError(
        f"no useful view in {ATTEMPTS} attempts with camera_height_m {config.camera_height_m}, pitch_deg "
        f"{config.pitch_deg}, furniture {config.furniture:g}: allow more, or less furniture"
    )


def _motion(config: RoomConfig, rng: Rng) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    step = config.step_m * rng.normal(0, 1, 3) * np.array([0.8, 0.8, 0.4])
    return step, np.radians(config.turn_deg) * rng.normal(0, 1, 3) * np.array([1.0, 0.7, 0.4])


def _draw_pose(env: Environment, config: RoomConfig, rng: Rng) -> Pose | None:
    """Draw a pose in a free place; None when this one try is not within the configured limits."""
    sizes = np.array([r.size[0] * r.size[1] for r in env.rooms])
    index = int(rng.choice(len(sizes), p=sizes / sizes.sum()))
    room, placed = env.rooms[index], env.furniture[index]
    height = rng.uniform(*config.camera_height_m)
    near = bool(placed) and rng.random() < config.close_share
    place, target = _close(rng, placed, height) if near else _wide(rng, room, height)
    if not free(room, placed, place):
        return None
    to = target - place
    yaw = float(np.arctan2(to[1], to[0])) + rng.normal(0, 0.15)
    pitch = float(np.arctan2(-to[2], np.hypot(to[0], to[1]))) + rng.normal(0, 0.08)
    if not config.pitch_deg[0] <= np.degrees(pitch) <= config.pitch_deg[1]:
        return None
    return Pose(place, np.array([yaw, pitch, np.radians(config.roll_deg) * rng.normal()]))


def _close(rng: Rng, placed: list[Placed], height: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw a place half a metre to two and a half from a piece of furniture, and a point on the piece to look at."""
    item = placed[int(rng.integers(len(placed)))]
    if not item.piece.tops or rng.random() < 0.3:  # prefer pieces that carry small objects
        item = placed[int(rng.integers(len(placed)))]
    piece = item.piece
    x, y = rng.uniform(-0.4, 0.4) * piece.width, rng.uniform(0.2, 0.9) * piece.depth
    z = (
        piece.tops[int(rng.integers(len(piece.tops)))].z
        if piece.tops
        else rng.uniform(0.3, 0.9) * piece.height
    )
    target = np.array([*item.world(x, y), min(z, 1.6)])
    away, angle = rng.uniform(0.5, 2.1), item.yaw + np.pi / 2 + rng.normal(0, 0.7)
    return np.array([target[0] + away * np.cos(angle), target[1] + away * np.sin(angle), height]), target


def _wide(rng: Rng, room: Room, height: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw a place anywhere in the room, and another one to look at."""
    spots = np.array([[rng.uniform(room.x0, room.x1), rng.uniform(room.y0, room.y1)] for _ in range(2)])
    return np.array([*spots[0], height]), np.array([*spots[1], rng.uniform(0.2, height + 0.2)])


def free(room: Room, placed: list[Placed], place: NDArray[np.float64]) -> bool:
    """Return whether a head fits: away from walls and not inside a piece."""
    if not room.contains(float(place[0]), float(place[1]), 0.25):
        return False
    for item in placed:
        x0, y0, x1, y1 = item.bounds()
        if (
            place[2] < item.piece.height + 0.25
            and x0 - 0.2 < place[0] < x1 + 0.2
            and y0 - 0.2 < place[1] < y1 + 0.2
        ):
            return False
    return True


def useful(env: Environment, camera: PinholeCamera, world_from_left: Matrix, baseline_m: float) -> bool:
    """Return whether both eyes see something.

    By SimSIN's rules a median below 0.2 m, a 20th percentile below 0.05 m, or 80th less 20th below 0.05 m is useless.
    Also, nothing may stand between the eyes, and hardly anything outside the rooms may be seen.
    """
    views = (world_from_left, right_eye(world_from_left, baseline_m))
    ends = [v[:3, 3].astype(np.float32)[None] for v in views]
    if env.caster.between(*ends)[0]:
        return False
    rays = camera.scaled(PROBE, PROBE).rays.reshape(-1, 3).T
    return all(accepted(_depth(env, rays, view)) for view in views)


def _depth(env: Environment, rays: Array, world_from_camera: Matrix) -> Array:
    pose = world_from_camera.astype(np.float32)
    hits = env.caster.cast(pose[:3, 3], rotated(pose, rays).T)
    return np.where(hits.triangle == NO_HIT, np.nan, hits.distance).astype(np.float32)


def accepted(depth_m: Array) -> bool:
    """Return whether a depth map meets SimSIN's three conditions and is known nearly everywhere."""
    known = depth_m[np.isfinite(depth_m)]
    if known.size < 0.98 * depth_m.size:
        return False
    low, middle, high = np.percentile(known, (20, 50, 80))
    return bool(middle >= 0.2 and low >= 0.05 and high - low >= 0.05)
