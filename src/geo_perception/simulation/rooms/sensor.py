# SPDX-License-Identifier: Apache-2.0
"""Model of a consumer camera, radiance to bytes: glare, exposure, white balance, vignetting, blur, noise, JPEG."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.simulation.rooms.config import RoomConfig
from geo_perception.simulation.textures import normal_deviates

Rng = np.random.Generator
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class RoomSensor:
    """The camera of one environment; both eyes are alike."""

    strength: float
    brightness: float  # mean of a display image, 0..1
    balance: float  # share of the light's cast that white balance removes
    cast: Array  # (3,) colour error that white balance adds
    vignetting: float
    blur_px: float
    noise: float
    glare: float
    contrast: float
    saturation: float
    quality: int  # JPEG

    @classmethod
    def draw(cls, seed: int, config: RoomConfig) -> RoomSensor:
        """Draw a camera: its exposure, white balance, optics, noise and compression."""
        rng = np.random.default_rng([seed, 43])
        s = config.sensor
        scale = config.width / 192
        return cls(
            strength=s,
            brightness=float(np.clip(rng.normal(0.48, 0.07 * min(s, 1.0)), 0.3, 0.7)),
            balance=rng.uniform(0.7, 1.0),
            cast=np.exp(s * rng.normal(0, 0.05, 3)).astype(np.float32),
            vignetting=s * rng.uniform(0, 0.3),
            blur_px=s * rng.uniform(0.2, 0.55) * scale**0.5,
            noise=s * float(np.exp(rng.uniform(np.log(0.003), np.log(0.025)))),
            glare=s * rng.uniform(0, 0.08),
            contrast=s * rng.uniform(0.0, 0.8),
            saturation=1 + s * rng.uniform(-0.15, 0.45),
            quality=int(rng.integers(55, 96)) if s > 0 else 100,
        )

    def gains(self, colour: Array) -> Array:
        """Compute exposure and white balance (3,) for a linear image, metered on every 4th pixel."""
        sample = colour[::4, ::4].reshape(-1, 3)
        usable = np.minimum(sample, 4 * np.median(sample) + 1e-6)
        mean = usable.mean(0) + 1e-6
        gains = (mean.mean() / mean) ** np.float32(self.balance) * self.cast
        gains /= gains @ LUMA
        return np.asarray(gains * np.float32(self._exposure(sample * gains)), np.float32)

    def _exposure(self, sample: Array) -> float:
        low, high = 1e-4, 1e4
        for _ in range(16):  # to 0.03%
            middle = (low * high) ** 0.5
            mean = float(_curve(np.clip(sample * middle, 0, 1), self.contrast).mean())
            low, high = (middle, high) if mean < self.brightness else (low, middle)
        return float((low * high) ** 0.5)

    def expose(self, colour: Array, gains: Array, rng: Rng) -> NDArray[np.uint8]:
        """Convert a linear radiance image (H, W, 3) to RGB bytes of the same shape."""
        light = cv2.transform(colour, np.diag(gains))
        if self.strength > 0:
            light = self._optics(np.minimum(light, 12.0), rng)
        light = np.clip(light, 0, 1)
        if self.noise > 0:
            deviation = np.float32(self.noise) * np.sqrt(np.float32(0.04) + light)
            grain = normal_deviates(rng, light.shape) * deviation
            light = np.clip(
                light + cv2.GaussianBlur(grain, (3, 3), 0.5) * np.float32(1.4) * (light < 1), 0, 1
            )
        shown = _curve(light, self.contrast)
        grey = np.float32(1 - self.saturation) * LUMA
        shown = cv2.transform(shown, grey + np.float32(self.saturation) * np.eye(3, dtype=np.float32))
        # Rounds and clips at once.
        image = np.asarray(cv2.addWeighted(shown, 255, shown, 0, 0, dtype=cv2.CV_8U))
        return image if self.quality >= 100 else _jpeg(image, self.quality)

    def _optics(self, light: Array, rng: Rng) -> Array:
        """Add glare around what is too bright, blur of lens and hand, and darker corners."""
        height, width = light.shape[:2]
        small = cv2.resize(light, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
        halo = cv2.resize(cv2.GaussianBlur(small, (0, 0), width / 40), (width, height))
        light = light + np.float32(self.glare) * halo
        light = cv2.GaussianBlur(light, (0, 0), self.blur_px) if self.blur_px > 0.2 else light
        if rng.random() < 0.25 * min(self.strength, 1.0):
            light = cv2.filter2D(light, -1, _motion(rng, width / 192))
        return np.asarray(light * _vignette(height, width, self.vignetting))


@lru_cache(maxsize=4)
def _vignette(height: int, width: int, strength: float) -> Array:
    """Compute the share (H, W, 3) of light that reaches a pixel; (H, W, 1) would cost more per image."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in (height, width))
    share = 1 - np.float32(strength) * (x[None] ** 2 + y[:, None] ** 2)
    share = np.repeat(share[..., None], 3, 2)
    share.flags.writeable = False
    return share


def _curve(light: Array, contrast: float) -> Array:
    """Map light 0..1 to display values: gamma, then an S-curve around mid-grey."""
    shown = light ** np.float32(1 / 2.2)
    bent = shown * shown * (3 - 2 * shown)
    return np.asarray(shown + np.float32(contrast) * (bent - shown))


def _motion(rng: Rng, scale: float) -> Array:
    """Draw a blur kernel, a short streak, for motion of the hand during exposure."""
    size = 2 * int(2 * scale + 2) + 1
    kernel = np.zeros((size, size), np.float32)
    way = rng.uniform(0.5, max(0.5, 2.0 * scale)) * np.array([np.cos(a := rng.uniform(0, np.pi)), np.sin(a)])
    for t in np.linspace(-1, 1, 9):
        x, y = size // 2 + t * way
        kernel[round(float(y)), round(float(x))] += 1
    return np.asarray(kernel / kernel.sum())


def _jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    assert done
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
