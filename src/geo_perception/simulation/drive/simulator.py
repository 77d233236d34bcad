# SPDX-License-Identifier: Apache-2.0
"""Simulator of drives: a seed names a drive, an index a moment of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Matrix
from geo_perception.errors import ConfigError
from geo_perception.frames import StereoLidarFrame
from geo_perception.geometry.se3 import transform
from geo_perception.simulation.casting import Surfaces
from geo_perception.simulation.drive import lidar
from geo_perception.simulation.drive.atlas import atlas
from geo_perception.simulation.drive.config import DriveConfig
from geo_perception.simulation.drive.plan import StreetPlan
from geo_perception.simulation.drive.rendering import RenderedImage, Scene, render
from geo_perception.simulation.drive.rig import Mounting, world_from_camera
from geo_perception.simulation.drive.sensor import ImageSensor, auto_exposure
from geo_perception.simulation.drive.shading import Light
from geo_perception.simulation.drive.sky import Sky
from geo_perception.simulation.drive.traffic import car_position, draw_movers, traffic
from geo_perception.simulation.drive.world import STRETCH_M, Stretch, build_stretch

PERIOD_NS = 100_000_000  # 10 Hz, KITTI's rate
FIRST_STAMP_NS = 1_000_000_000  # as data sets without time stamps: tf2 reads 0 as "latest"


class DriveSimulator:
    """Stereo images, lidar sweeps and exact depth along a procedural street.

    The same seed and configuration give bit-identical frames, in any order and in any process. Geometry is kept
    for the stretch last asked for, so neighbouring indices are cheaper than jumps.

    Raises:
        ConfigError: the seed is negative.
        MissingDependencyError: open3d is not installed or lacks its system libraries (raised by `frame`).
    """

    def __init__(self, seed: int, config: DriveConfig = DriveConfig()) -> None:  # noqa: B008  (frozen: sharing it does no harm)
        if seed < 0:
            raise ConfigError(f"seed must be 0 or larger, got {seed}")
        self.seed, self.config = seed, config
        self.plan = StreetPlan.draw(seed, config)
        self.mounting = Mounting.draw(seed, config)
        self._sensors = ImageSensor.draw_pair(seed, config)
        self._movers = draw_movers(self.plan)
        self._brightness = float(np.random.default_rng([seed, 10]).uniform(0.31, 0.54))
        self._light: Light | None = None
        self._stretch: tuple[int, Stretch] | None = None

    def frames(self, count: int) -> Iterator[StereoLidarFrame]:
        """Yield the first `count` frames, 0.1 s apart."""
        return (self.frame(index) for index in range(count))

    def frame(self, index: int) -> StereoLidarFrame:
        """Render frame `index`, taken index * 100 ms after the start.

        Raises:
            ConfigError: the index is negative.
        """
        if index < 0:
            raise ConfigError(f"frame index must be 0 or larger, got {index}")
        rng = np.random.default_rng([self.seed, 20, index])
        car_s = car_position(self.plan, self.config, index * PERIOD_NS * 1e-9)
        stretch = self._stretch_at(int(car_s // STRETCH_M))
        scene = self._scene(stretch, car_s, index * PERIOD_NS * 1e-9)
        pose = world_from_camera(
            self.plan.path, car_s, self.plan.lane_y, stretch.origin_s, rng, self.config.attitude_jitter
        )
        left, right = self._views(scene, pose)
        exposure = auto_exposure(left.colour, self._brightness, self._sensors[0].black)
        return StereoLidarFrame(
            name=f"{index:06d}",
            stamp_ns=FIRST_STAMP_NS + index * PERIOD_NS,
            left=self._sensors[0].expose(left.colour, exposure, rng),
            right=self._sensors[1].expose(right.colour, exposure, rng),
            points_lidar=self._sweep(scene, pose, rng),
            rig=self.mounting.rig,
            camera_from_lidar=self.mounting.camera_from_lidar,
            depth_truth_m=left.depth_m,
        )

    def _stretch_at(self, index: int) -> Stretch:
        if self._stretch is None or self._stretch[0] != index:
            self._stretch = (index, build_stretch(self.plan, index))
        return self._stretch[1]

    def _scene(self, stretch: Stretch, car_s: float, time_s: float) -> Scene:
        if self._light is None:
            sky, pages = Sky(self.plan), atlas(self.plan.atlas)
            self._light = Light.make(sky, pages, self.plan.haze_m, self.config.reflections)
        moving = traffic(self.plan, self._movers, car_s, time_s, stretch.origin_s)
        surfaces = stretch.surfaces.followed_by(Surfaces.of(moving))
        return Scene(stretch.caster.with_mesh(moving), surfaces, self._light)

    def _views(self, scene: Scene, pose: Matrix) -> tuple[RenderedImage, RenderedImage]:
        right = pose @ transform(np.eye(3), (self.mounting.rig.baseline_m, 0, 0))
        camera, samples = self.mounting.rig.left, self.config.edge_samples
        views = [
            render(scene, camera, p, s.warp_px, samples)
            for p, s in zip((pose, right), self._sensors, strict=True)
        ]
        return views[0], views[1]

    def _sweep(self, scene: Scene, pose: Matrix, rng: np.random.Generator) -> NDArray[np.float32]:
        beams = lidar.directions(self.config, rng)
        world_from_lidar = pose @ self.mounting.true_camera_from_lidar
        return lidar.scan(self.config, scene.caster, scene.surfaces, world_from_lidar, beams, rng)
