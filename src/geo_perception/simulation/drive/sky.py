# SPDX-License-Identifier: Apache-2.0
"""Sky, sun and the surroundings that paint and glass mirror: one panorama per drive."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.simulation.drive.plan import StreetPlan
from geo_perception.simulation.textures import remap

ROWS, COLUMNS = 256, 1024  # 0.35 degrees a pixel around; mirrored images on car bodies need no more


class Sky:
    """Radiance by direction. Linear units in which a white wall facing the full sun has about 1."""

    def __init__(self, plan: StreetPlan) -> None:
        rng = np.random.default_rng([plan.seed, 7])
        self.sun_direction = plan.sun.astype(np.float32)
        self.sun = np.float32(plan.sun_power) * np.array([1.0, 0.95, 0.85], np.float32) * 3.0
        blue = np.array([0.45, 0.62, 0.95]) if plan.sun_power > 0.5 else np.array([0.8, 0.84, 0.9])
        self.ambient = (0.12 + 0.29 * (1 - plan.sun_power)) * (0.5 + 0.5 * blue / blue.mean()).astype(
            np.float32
        )
        self._sky = self._paint_sky(rng, blue * plan.sky_power, plan)
        self._mirrored = self._paint_surroundings(rng, self._sky)
        self.haze = self._sky[ROWS // 2 - 12].mean(0)

    def _paint_sky(self, rng: np.random.Generator, zenith: NDArray[np.float64], plan: StreetPlan) -> Array:
        direction = _directions()
        up = np.clip(direction[..., 2:], 0, 1)
        pale = np.full(3, plan.sky_power * 1.1)
        image = zenith + (pale - zenith) * np.exp(-4 * up)
        clouds = cv2.GaussianBlur(
            rng.standard_normal((ROWS, COLUMNS)).astype(np.float32), (0, 0), 14, sigmaY=7
        )
        cover = np.clip(clouds / clouds.std() - rng.uniform(0.0, 3.0), 0, 1)[..., None]
        image = image + (1.5 * plan.sky_power - image) * cover * 0.8
        near_sun = np.clip(direction @ plan.sun, 0, 1)[..., None]
        return np.asarray(image + plan.sun_power * (1.2 * near_sun**8 + 30 * near_sun**900), np.float32)

    def _paint_surroundings(self, rng: np.random.Generator, sky: Array) -> Array:
        """Houses and trees against the sky, road below, as seen in car doors and window panes."""
        out = cv2.GaussianBlur(sky, (0, 0), 1.5)
        tops = (28 + 22 * np.sin(np.cumsum(rng.normal(0, 0.08, COLUMNS)))).astype(int)
        shades = np.repeat(rng.uniform(0.03, 0.5, 32), COLUMNS // 32)
        for column, top in enumerate(tops):
            out[ROWS // 2 - top : ROWS // 2, column] = shades[column]
        out[ROWS // 2 :] = 0.25
        return np.asarray(cv2.GaussianBlur(out, (0, 0), 2.0), np.float32)

    def radiance(self, directions: Array) -> Array:
        """Look up the sky's colour (N, 3) along unit directions (N, 3)."""
        return remap(self._sky, *_panorama(directions))

    def mirrored(self, directions: Array) -> Array:
        """Look up the mirrored surroundings (N, 3) along unit directions (N, 3)."""
        return remap(self._mirrored, *_panorama(directions))


def _directions() -> NDArray[np.float64]:
    """Compute the (ROWS, COLUMNS, 3) unit direction of each pixel of a panorama."""
    elevation = np.linspace(1, -1, ROWS)[:, None] * np.pi / 2
    azimuth = np.linspace(-np.pi, np.pi, COLUMNS)[None]
    x, y = np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation)
    return np.stack([x, y, np.broadcast_to(np.sin(elevation), x.shape)], -1)


def _panorama(d: Array) -> tuple[Array, Array]:
    x = (np.arctan2(d[:, 1], d[:, 0]) / np.float32(2 * np.pi) + 0.5) * (COLUMNS - 1)
    y = (0.5 - np.arcsin(np.clip(d[:, 2], -1, 1)) / np.float32(np.pi)) * (ROWS - 1)
    return x.astype(np.float32), y.astype(np.float32)
