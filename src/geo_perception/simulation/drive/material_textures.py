# SPDX-License-Identifier: Apache-2.0
"""Painters of the texture pages: each fills a square RGB image (0..1, tileable) and a gloss mask."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from geo_perception._types import Array
from geo_perception.simulation import textures

Rng = np.random.Generator
SIZE = 512  # pixels a side; at 3 m a tile that is 6 mm, finer than a pixel beyond 4.5 m


def fractal(rng: Rng, slope: float, shortest_px: float = 2.0, longest_px: float = 512.0) -> Array:
    """Generate tileable noise (SIZE, SIZE) with amplitude ~ frequency^-slope, zero mean, unit deviation."""
    return textures.fractal(rng, slope, shortest_px, longest_px, SIZE)


def _grey(level: float, *layers: Array) -> Array:
    """Make an RGB page of one grey level times (1 + sum of layers)."""
    value = level * (1 + np.sum(layers, axis=0))
    return np.repeat(value[..., None], 3, -1).astype(np.float32)


def _colour(rgb: tuple[float, float, float], noise: Array) -> Array:
    return (np.asarray(rgb, np.float32) * (1 + noise[..., None])).astype(np.float32)


def asphalt(rng: Rng) -> Array:
    """Coarse and fine grain with cracks and repaired joints."""
    page = _grey(0.24, 0.28 * fractal(rng, 0.2, 2, 12), 0.16 * fractal(rng, 0.9, 2, 128))
    for _ in range(3):  # cracks and repaired joints
        points = np.cumsum(rng.normal(0, 18, (14, 2)), 0) + rng.uniform(0, SIZE, 2)
        cv2.polylines(page, [points.astype(np.int32)], False, (0.1, 0.1, 0.1), 2)
    return page


def slabs(rng: Rng) -> Array:
    """A grid of 6 x 6 paving slabs with dark joints."""
    cells = rng.normal(0, 0.08, (6, 6)).astype(np.float32)
    page = _grey(
        0.42, 0.2 * fractal(rng, 0.5, 2, 60), cv2.resize(cells, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST)
    )
    page[:: SIZE // 6] *= 0.6
    page[:, :: SIZE // 6] *= 0.6
    return page


def grass(rng: Rng) -> Array:
    """Green blades with dry patches."""
    blades = cv2.blur(fractal(rng, 0.1, 2, 20), (1, 3))
    page = _colour((0.26, 0.33, 0.12), 0.5 * blades + 0.3 * fractal(rng, 0.8))
    dry = np.clip(0.5 + 0.4 * fractal(rng, 1.4, 8), 0, 1)[..., None]
    return np.asarray(page * (1 - dry) + dry * page * np.array([1.25, 1.0, 0.8], np.float32))


def soil(rng: Rng) -> Array:
    """Brown, coarse-grained earth."""
    return _colour((0.33, 0.27, 0.2), 0.35 * fractal(rng, 0.5) + 0.15 * fractal(rng, 0.1, 2, 8))


def plaster(rng: Rng) -> Array:
    """Light render with faint grain."""
    return _grey(0.62, 0.06 * fractal(rng, 0.4, 2, 40), 0.06 * fractal(rng, 1.2))


def concrete(rng: Rng) -> Array:
    """Mid-grey, blotched concrete."""
    return _grey(0.45, 0.12 * fractal(rng, 0.5, 2, 60), 0.1 * fractal(rng, 1.5))


def brick(rng: Rng) -> Array:
    """A running bond of 24 courses with light joints."""
    rows, cols = 24, 8
    page = _colour((0.42, 0.22, 0.16), 0.12 * fractal(rng, 0.5))
    h, w = SIZE / rows, SIZE / cols
    for r in range(rows):
        for c in range(-1, cols):
            x, y = (c + 0.5 * (r % 2)) * w, r * h
            area = page[int(y) + 2 : int(y + h), max(int(x) + 2, 0) : int(x + w)]
            area *= np.float32(rng.normal(1, 0.16))
        page[int(r * h) : int(r * h) + 2] = 0.45
    return page


def roof(rng: Rng) -> Array:
    """Rows of red pantiles."""
    v, u = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    wave = 0.25 * np.sin(u * 2 * np.pi * 12) + 0.2 * np.abs(np.sin(v * np.pi * 9))
    return _colour((0.42, 0.23, 0.16), (wave + 0.12 * fractal(rng, 0.8)).astype(np.float32))


def wood(rng: Rng) -> Array:
    """14 boards with grain along v and dark joints."""
    grain = cv2.blur(fractal(rng, 0.6), (1, 61))
    board = np.repeat(rng.normal(0, 0.12, 14), SIZE // 14 + 1)[:SIZE].astype(np.float32)
    page = _colour((0.42, 0.3, 0.19), 0.4 * grain + board[None])
    page[:, :: SIZE // 14] *= 0.4
    return page


def bark(rng: Rng) -> Array:
    """Dark bark with ridges along v."""
    return _colour((0.24, 0.19, 0.15), 0.5 * cv2.blur(fractal(rng, 0.5), (1, 21)) + 0.15 * fractal(rng, 1))


def leaf(rng: Rng) -> Array:
    """Clumps of green foliage."""
    clumps = 0.6 * fractal(rng, 0.3, 3, 40) + 0.4 * fractal(rng, 1.0, 8)
    return _colour((0.2, 0.27, 0.09), np.clip(clumps, -0.9, 2.5))


def treeline(rng: Rng) -> Array:
    """Darker foliage in larger clumps, as seen from afar."""
    lumps = 0.65 * fractal(rng, 0.7, 3, 120) + 0.3 * fractal(rng, 0.2, 2, 12)
    return _colour((0.16, 0.21, 0.1), np.clip(lumps, -0.9, 2.0))


def metal(rng: Rng) -> Array:
    """Mid-grey metal, nearly even."""
    return _grey(0.42, 0.03 * fractal(rng, 0.5), 0.06 * fractal(rng, 1.6))


def paint(rng: Rng) -> Array:
    """Car paint: nearly white, so that the tint shows, and almost without texture."""
    return _grey(0.8, 0.004 * fractal(rng, 0.3), 0.012 * fractal(rng, 1.8))


def interior(rng: Rng) -> Array:
    """A dark interior behind windows."""
    return _grey(0.035, np.clip(0.6 * fractal(rng, 1.6), -0.9, 3))


def rubber(rng: Rng) -> Array:
    """Nearly black rubber."""
    return _grey(0.05, 0.15 * fractal(rng, 0.5))


def cloth(rng: Rng) -> Array:
    """Mid-grey cloth with folds and a fine weave."""
    return _grey(0.5, 0.18 * fractal(rng, 1.3), 0.06 * fractal(rng, 0.2, 2, 10))


def wheel(rng: Rng) -> Array:
    """A tyre with a five-hole rim in the middle of the page."""
    page = _grey(0.05, 0.1 * fractal(rng, 0.5))
    centre = (SIZE // 2, SIZE // 2)
    cv2.circle(page, centre, int(SIZE * 0.34), (0.45, 0.45, 0.47), -1)
    for angle in np.arange(5) * 2 * np.pi / 5:
        end = (int(SIZE * (0.5 + 0.22 * np.cos(angle))), int(SIZE * (0.5 + 0.22 * np.sin(angle))))
        cv2.circle(page, end, int(SIZE * 0.075), (0.06, 0.06, 0.06), -1)
    return page


PAINTERS: dict[str, Callable[[Rng], Array]] = {
    f.__name__: f
    for f in (
        asphalt, slabs, grass, soil, plaster, concrete, brick, roof, wood, bark, leaf, treeline, metal, paint,
        interior, rubber, cloth, wheel,
    )
}  # fmt: skip
