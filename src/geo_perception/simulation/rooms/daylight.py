# SPDX-License-Identifier: Apache-2.0
"""Daylight through windows, and the colour temperature of lamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geo_perception._types import Array
from geo_perception.simulation.rooms.config import RoomConfig
from geo_perception.simulation.rooms.lamps import Lamp, Sun, warmth
from geo_perception.simulation.rooms.plan import Room
from geo_perception.simulation.rooms.shell import Opening

Rng = np.random.Generator


@dataclass(frozen=True)
class Daylight:
    """The sky of one environment."""

    radiance: float
    colour: Array  # (3,)
    sun: Sun | None

    @classmethod
    def draw(cls, rng: Rng, config: RoomConfig) -> Daylight:
        """Draw night, overcast or sun; always the same grey sky when lighting has no variety."""
        variety = config.lighting_variety
        radiance, colour = 1.0, np.ones(3, np.float32)
        if rng.random() < variety:
            radiance = 0.02 if rng.random() < 0.22 else float(np.exp(rng.uniform(np.log(1.0), np.log(9.0))))
            colour = warmth(rng.uniform(5800, 8500))
        shines = radiance > 1.5 and rng.random() < 0.45 * variety
        azimuth, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(14, 50))
        towards = np.array(
            [np.cos(height) * np.cos(azimuth), np.cos(height) * np.sin(azimuth), np.sin(height)]
        )
        sun = Sun(
            towards.astype(np.float32), warmth(rng.uniform(4200, 5600)) * np.float32(rng.uniform(6, 16))
        )
        return cls(radiance, colour, sun if shines else None)

    def kelvin(self, rng: Rng, config: RoomConfig) -> float:
        """Draw the colour temperature of a room's lamps, kelvin."""
        return float(
            4500 + config.lighting_variety * (rng.choice([2700, 3000, 3500, 4200, 5500, 6500]) - 4500)
        )

    def window_light(self, room: Room, side: int, o: Opening) -> Lamp:
        """Make the light of one window, from 2 x 3 points on its pane."""
        x, y, yaw = room.frame(side)
        u = o.x0 + (o.x1 - o.x0) * np.array([1 / 6, 1 / 2, 5 / 6])
        z = o.z0 + (o.z1 - o.z0) * np.array([0.25, 0.75])
        c, s = np.cos(yaw), np.sin(yaw)
        along, up = (a.reshape(-1) for a in np.meshgrid(u, z))
        samples = np.stack([x + c * along + s * 0.1, y + s * along - c * 0.1, up], -1).astype(np.float32)
        area = (o.x1 - o.x0) * (o.z1 - o.z0)
        power = self.colour * np.float32(self.radiance * area / np.pi)
        return Lamp(samples, power, np.array([-s, c, 0], np.float32))
