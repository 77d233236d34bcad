# SPDX-License-Identifier: Apache-2.0
"""Simulator of rooms: a seed names an environment, an index a view of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.errors import ConfigError
from geo_perception.geometry import PinholeCamera
from geo_perception.geometry.se3 import inverse
from geo_perception.simulation.rooms.config import RoomConfig
from geo_perception.simulation.rooms.environment import Environment, build
from geo_perception.simulation.rooms.rendering import RenderedView, render
from geo_perception.simulation.rooms.sensor import RoomSensor
from geo_perception.simulation.rooms.views import Pose, draw_trajectory, right_eye

RANGES = ("near", "middle", "far")  # by median depth
RANGE_LIMITS_M = (1.5, 3.0)


@dataclass(frozen=True)
class RoomFrame:
    """A stereo pair with its ground truth. Depth is Z of the eye it belongs to, NaN where nothing was hit."""

    name: str
    left: NDArray[np.uint8]  # (H, W, 3) RGB
    right: NDArray[np.uint8]  # (H, W, 3) RGB
    depth_m: Array  # (H, W)
    depth_right_m: Array  # (H, W)
    normals: Array  # (H, W, 3) unit, in the left optical frame, towards the camera
    camera: PinholeCamera
    baseline_m: float
    camera_from_world: NDArray[np.float64]  # 4x4, of the left eye
    space_type: str  # one of config.SPACES
    range_label: str  # one of RANGES


class RoomSimulator:
    """Stereo pairs in a procedural home or office, with exact depth.

    The same seed and configuration give bit-identical frames, in any order and in any process. The environment is
    built and lit at the first frame, so many views of one seed are cheaper than few views of many.

    Raises:
        ConfigError: the seed is negative, or (from `frame`) rooms are too full for the camera.
        MissingDependencyError: open3d is not installed or lacks its system libraries (from `frame`).
    """

    def __init__(self, seed: int, config: RoomConfig = RoomConfig()) -> None:  # noqa: B008  (frozen: sharing it does no harm)
        if seed < 0:
            raise ConfigError(f"seed must be 0 or larger, got {seed}")
        self.seed, self.config = seed, config
        self.camera = _draw_camera(seed, config)
        self._sensor = RoomSensor.draw(seed, config)
        self._environment: Environment | None = None

    @property
    def environment(self) -> Environment:
        """Rooms, furniture and light, built when first asked for."""
        if self._environment is None:
            self._environment = build(self.seed, self.config)
        return self._environment

    def frames(self, count: int) -> Iterator[RoomFrame]:
        """Yield the first `count` views."""
        return (self.frame(index) for index in range(count))

    def frame(self, index: int) -> RoomFrame:
        """Render view `index`, the middle of its trajectory."""
        return self._render(index, 1, self._poses(index)[1])

    def trajectory(self, index: int) -> tuple[RoomFrame, RoomFrame, RoomFrame]:
        """Render the frames at t-1, t and t+1 of view `index`; the middle one equals `frame(index)`."""
        before, now, after = (self._render(index, k, pose) for k, pose in enumerate(self._poses(index)))
        return before, now, after

    def _poses(self, index: int) -> tuple[Pose, Pose, Pose]:
        if index < 0:
            raise ConfigError(f"frame index must be 0 or larger, got {index}")
        rng = np.random.default_rng([self.seed, 44, index])
        return draw_trajectory(self.environment, self.config, self.camera, rng)

    def _render(self, index: int, moment: int, pose: Pose) -> RoomFrame:
        rng = np.random.default_rng([self.seed, 45, index, moment])
        left_pose = pose.world_from_camera
        left, right = (self._view(p) for p in (left_pose, right_eye(left_pose, self.config.baseline_m)))
        gains = self._sensor.gains(left.colour)
        return RoomFrame(
            name=f"{index:03d}",
            left=self._sensor.expose(left.colour, gains, rng),
            right=self._sensor.expose(right.colour, gains, rng),
            depth_m=left.depth_m,
            depth_right_m=right.depth_m,
            normals=left.normals,
            camera=self.camera,
            baseline_m=self.config.baseline_m,
            camera_from_world=inverse(left_pose),
            space_type=self._space(pose),
            range_label=range_label(left.depth_m),
        )

    def _view(self, world_from_camera: NDArray[np.float64]) -> RenderedView:
        c = self.config
        return render(self.environment, self.camera, world_from_camera, c.edge_samples, c.reflections)

    def _space(self, pose: Pose) -> str:
        x, y = float(pose.place[0]), float(pose.place[1])
        return next(
            (r.space for r in self.environment.rooms if r.contains(x, y)), self.environment.rooms[0].space
        )


def range_label(depth_m: Array) -> str:
    """Classify a view as near, middle or far, by its median depth."""
    return RANGES[int(np.searchsorted(RANGE_LIMITS_M, np.nanmedian(depth_m)))]


def _draw_camera(seed: int, config: RoomConfig) -> PinholeCamera:
    """Draw a centred camera with a horizontal field of view from the configured span."""
    fov = np.radians(np.random.default_rng([seed, 42]).uniform(*config.fov_deg))
    focal = 0.5 * config.width / float(np.tan(fov / 2))
    return PinholeCamera(
        focal, focal, (config.width - 1) / 2, (config.height - 1) / 2, config.width, config.height
    )
