# SPDX-License-Identifier: Apache-2.0
"""Model of a 2011 machine-vision camera, radiance to bytes: exposure, vignetting, blur, noise, tone curve."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.simulation.drive.config import DriveConfig

GAMMA = 1 / 2.2
NOISE = 0.022  # deviation per channel at and above mid-grey, of full scale; measured on KITTI's roads
GREY_NOISE = 0.55  # of the channels' common part that is left
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class ImageSensor:
    """One camera of a pair."""

    gain: Array  # (3,) relative to its partner
    offset: float  # black level after the tone curve, 0..1
    blur_px: float
    noise: float
    vignetting: float  # share lost in the corners
    black: float  # share of the tone curve's dark end that is crushed
    warp_px: Array  # (2, 6) see rendering.render

    @classmethod
    def draw_pair(cls, seed: int, config: DriveConfig) -> tuple[ImageSensor, ImageSensor]:
        """Draw two cameras that differ a little. The right one carries the pair's rectification error."""
        rng = np.random.default_rng([seed, 9])
        black = rng.uniform(0.08, 0.22)
        rows = rng.uniform(-1, 1, 6) * config.rectification_px * np.array([0.5, 0.25, 0.25, 0.1, 0.1, 0.1])
        # Measured on KITTI against its lidar: short by a quarter of a pixel on average, more for what is far.
        columns = config.disparity_error_px * rng.normal(
            [-1.2, 0.0, 0.8, 0, 0, 0], [1.0, 0.5, 0.8, 0.5, 0.5, 0.5]
        )
        warp = np.stack([columns, rows]) * config.width / 1242
        return cls._draw(rng, config, black, 0 * warp), cls._draw(rng, config, black, warp)

    @classmethod
    def _draw(
        cls, rng: np.random.Generator, config: DriveConfig, black: float, warp: NDArray[np.float64]
    ) -> ImageSensor:
        unlike = config.view_difference
        gain = 1 + unlike * (0.02 * rng.standard_normal() + 0.01 * rng.standard_normal(3))
        blur = max(0.0, 0.42 + 0.06 * unlike * rng.standard_normal())
        offset = 0.004 * unlike * rng.standard_normal()
        corners = rng.uniform(0.0, 0.2)
        return cls(
            gain.astype(np.float32), offset, blur, config.image_noise, corners, black, warp.astype(np.float32)
        )

    def expose(self, colour: Array, exposure: float, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Convert a linear radiance image (H, W, 3) to RGB bytes of the same shape."""
        light = colour * (self.gain * np.float32(exposure)) * self._falloff(colour.shape[:2])[..., None]
        light = cv2.GaussianBlur(np.minimum(light, 4.0), (5, 5), self.blur_px) if self.blur_px > 0 else light
        curve = tone(light, self.black) + np.float32(self.offset)
        if self.noise > 0:
            curve = curve + self._noise(curve, rng)
        return np.asarray(np.clip(curve * 255 + 0.5, 0, 255), np.uint8)

    def _noise(self, curve: Array, rng: np.random.Generator) -> Array:
        """Draw noise of display values: constant above mid-grey, and mostly chroma, as after demosaicing."""
        grain = rng.standard_normal(curve.shape, np.float32)
        grain += np.float32(GREY_NOISE - 1) * (grain @ LUMA)[..., None]
        grain = cv2.GaussianBlur(grain, (3, 3), 0.6) * np.float32(1.6)
        grey = np.clip(curve @ LUMA, 0.0, None)[..., None]
        return np.asarray(
            np.float32(self.noise * NOISE)
            * np.minimum(0.1 + grey * np.float32(2.8), 1)
            * (grey < 0.995)
            * grain
        )

    def _falloff(self, size: tuple[int, int]) -> Array:
        y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in size)
        return np.asarray(1 - np.float32(self.vignetting) * (0.8 * x[None] ** 2 + 0.2 * y[:, None] ** 2))


def tone(light: Array, black: float) -> Array:
    """Map light, where 1 saturates, to display values 0..1: gamma, with the dark end crushed."""
    curve = np.clip(light, 0, 1) ** np.float32(GAMMA)
    return np.asarray(np.maximum(curve - np.float32(black), 0) * np.float32(1 / (1 - black)))


def auto_exposure(colour: Array, target: float, black: float) -> float:
    """Find the factor that brings the tone-mapped image's mean to `target` (0..1), by bisection on every 6th pixel."""
    sample = colour[::6, ::6]
    low, high = 0.02, 50.0
    for _ in range(24):
        middle = (low * high) ** 0.5
        if float(tone(sample * middle, black).mean()) < target:
            low = middle
        else:
            high = middle
    return float((low * high) ** 0.5)
