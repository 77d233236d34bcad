# SPDX-License-Identifier: Apache-2.0
"""Painted pages with things on them: house fronts, shops, signs, posters, the ends of cars.

Each painter returns (RGB page 0..1, gloss mask 0..1); panes of glass have gloss 1.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from geo_perception._types import Array
from geo_perception.simulation.drive.material_textures import SIZE, fractal

Rng = np.random.Generator
Painted = tuple[Array, Array]
Colour = tuple[float, float, float]

_RED, _BLUE, _YELLOW = (0.7, 0.05, 0.05), (0.05, 0.12, 0.5), (0.85, 0.65, 0.05)
_WHITE, _BLACK = (0.85, 0.85, 0.85), (0.03, 0.03, 0.03)


def _wall(rng: Rng, level: float, grain: float) -> Painted:
    value = level * (1 + grain * fractal(rng, 0.4, 2, 40) + 0.04 * fractal(rng, 1.6))
    return np.repeat(value[..., None], 3, -1).astype(np.float32), np.zeros((SIZE, SIZE), np.float32)


def _rect(page: Array, x: float, y: float, w: float, h: float, colour: Colour | float) -> None:
    low, high = (round(x), round(y)), (round(x + w) - 1, round(y + h) - 1)
    cv2.rectangle(page, low, high, colour if isinstance(colour, tuple) else float(colour), -1)


def _text(page: Array, words: str, at: tuple[int, int], scale: float, colour: Colour, width: int) -> None:
    """Letters through a mask, since OpenCV writes on 8-bit images only."""
    mask = np.zeros(page.shape[:2], np.uint8)
    cv2.putText(mask, words, at, cv2.FONT_HERSHEY_DUPLEX, scale, 255, width)
    page[mask > 127] = colour


def _window(rng: Rng, page: Array, gloss: Array, x: float, y: float, w: float, h: float) -> None:
    """A frame, dark or curtained panes and, sometimes, a half-lowered roller blind."""
    _rect(page, x - 4, y - 4, w + 8, h + 8, tuple(np.full(3, rng.uniform(0.5, 0.85))))
    inside = rng.choice([0.04, 0.08, 0.3], p=[0.5, 0.3, 0.2])
    _rect(page, x, y, w, h, tuple(np.full(3, inside * rng.uniform(0.7, 1.3))))
    _rect(gloss, x, y, w, h, 1.0)
    _rect(page, x + w / 2 - 2, y, 4, h, (0.6, 0.6, 0.6))
    if rng.random() < 0.3:
        blind = h * rng.uniform(0.2, 1.0)
        _rect(page, x, y, w, blind, tuple(np.full(3, rng.uniform(0.4, 0.7))))
        _rect(gloss, x, y, w, blind, 0.0)


def facade_old(rng: Rng) -> Painted:
    """Four storeys of 3 m with framed windows, sills, cornices and coursed stone."""
    page, gloss = _wall(rng, 0.5, 0.1)
    page[::16] *= 0.82
    bay = SIZE / 4
    for floor in range(4):
        _rect(page, 0, floor * bay, SIZE, 7, (0.62, 0.6, 0.56))
        for k in range(4):
            x, y = (k + 0.3) * bay, (floor + 0.24) * bay
            _rect(page, x - 12, y - 14, 0.4 * bay + 24, 0.56 * bay + 26, (0.58, 0.55, 0.5))
            _window(rng, page, gloss, x, y, 0.4 * bay, 0.56 * bay)
    return page, gloss


def facade_plain(rng: Rng) -> Painted:
    """Smooth render with few windows: little for stereo to hold on to."""
    page, gloss = _wall(rng, 0.62, 0.035)
    bay = SIZE / 4
    for floor in range(4):
        for k in range(4):
            if rng.random() < 0.7:
                _window(rng, page, gloss, (k + 0.3) * bay, (floor + 0.3) * bay, 0.38 * bay, 0.42 * bay)
    return page, gloss


def facade_modern(rng: Rng) -> Painted:
    """Bands of identical panes: a repetitive pattern with mirrored sky."""
    page, gloss = _wall(rng, 0.55, 0.02)
    bay = SIZE / 4
    for floor in range(4):
        _rect(page, 0, floor * bay, SIZE, 0.3 * bay, (0.6, 0.42, 0.3) if floor % 2 else (0.6, 0.6, 0.6))
        for k in range(8):
            x, y = (k + 0.06) * bay / 2, (floor + 0.36) * bay
            _rect(page, x, y, 0.44 * bay, 0.58 * bay, (0.06, 0.07, 0.08))
            _rect(gloss, x, y, 0.44 * bay, 0.58 * bay, 1.0)
    return page, gloss


def shop(rng: Rng) -> Painted:
    """A ground floor of shop windows, doors and lettering over two bays of 4 m."""
    page, gloss = _wall(rng, 0.5, 0.03)
    half = SIZE / 2
    for k in range(4):
        x, y = (k % 2) * half, (k // 2) * half
        _rect(page, x, y, half, 0.24 * half, tuple(rng.uniform(0.08, 0.7, 3)))
        words = "".join(rng.choice(list("ABCEIKLMNORST"), rng.integers(4, 9)))
        at = (int(x + 14), int(y + 0.19 * half))
        _text(page, words, at, 1.3, tuple(rng.uniform(0.5, 0.9, 3)), 3)
        _rect(page, x + 14, y + 0.32 * half, 0.6 * half, 0.55 * half, (0.12, 0.11, 0.1))
        goods = page[int(y + 0.4 * half) : int(y + 0.86 * half), int(x + 16) : int(x + 0.6 * half)]
        goods *= 1 + 1.5 * np.abs(fractal(rng, 0.8))[: goods.shape[0], : goods.shape[1], None]
        _rect(gloss, x + 14, y + 0.32 * half, 0.6 * half, 0.55 * half, 0.8)
        _rect(page, x + 0.74 * half, y + 0.3 * half, 0.22 * half, 0.7 * half, tuple(rng.uniform(0.1, 0.4, 3)))
    return page, gloss


def signs(rng: Rng) -> Painted:
    """4 x 4 traffic signs, one a cell."""
    page, gloss = _wall(rng, 0.75, 0.0)
    cell = SIZE // 4
    for k in range(16):
        x, y = (k % 4) * cell, (k // 4) * cell
        base = (_WHITE, _BLUE, _YELLOW, _RED)[k % 4]
        _rect(page, x, y, cell, cell, base)
        centre = (x + cell // 2, y + cell // 2)
        ring = (_RED, _WHITE, _BLACK, _WHITE)[k % 4]
        cv2.circle(page, centre, cell // 2 - 6, ring, 12 if k < 8 else 5)
        text = str(rng.integers(1, 9) * 10) if k % 2 else str(rng.choice(["P", "A5", "STOP"]))
        _text(page, text, (x + 20, centre[1] + 18), 1.4, ring, 4)
    gloss += 1.0
    return page, gloss


def posters(rng: Rng) -> Painted:
    """2 x 2 billboards and lorry sides: plain colour, big letters, soft shapes."""
    page, gloss = _wall(rng, 0.6, 0.01)
    half = SIZE // 2
    for k in range(4):
        x, y = (k % 2) * half, (k // 2) * half
        _rect(page, x, y, half, half, tuple(rng.uniform(0.55, 0.85, 3)) if k else _WHITE)
        for _ in range(3 * (k % 3)):
            centre = (int(x + rng.uniform(30, half - 30)), int(y + rng.uniform(30, half - 30)))
            cv2.circle(page, centre, int(rng.uniform(8, 28)), tuple(rng.uniform(0.05, 0.8, 3)), -1)
        words = "".join(rng.choice(list("AEFGKLNTX"), rng.integers(3, 6)))
        _text(page, words, (x + 20, y + 150), 2.4, tuple(rng.uniform(0, 0.6, 3)), 9)
    return page, gloss + 0.5


def carface(rng: Rng) -> Painted:
    """Two front ends (upper half) and two rear ends of cars; body areas are white so that the tint shows."""
    page = np.full((SIZE, SIZE, 3), 0.8, np.float32)
    half = SIZE // 2
    for k in range(4):
        x, y = (k % 2) * half, (k // 2) * half
        lamp = (0.75, 0.75, 0.78) if k < 2 else (0.55, 0.03, 0.03)
        for side in (0.03, 0.77):
            _rect(page, x + side * half, y + 0.3 * half, 0.2 * half, (0.16 + 0.14 * (k // 2)) * half, lamp)
        if k < 2:
            _rect(page, x + 0.28 * half, y + 0.34 * half, 0.44 * half, 0.16 * half, (0.04, 0.04, 0.04))
            page[
                int(y + 0.34 * half) : int(y + 0.5 * half) : 6, int(x + 0.28 * half) : int(x + 0.72 * half)
            ] = 0.3
        _rect(page, x + 0.05 * half, y + 0.72 * half, 0.9 * half, 0.16 * half, (0.08, 0.08, 0.08))
        _rect(page, x + 0.33 * half, y + 0.56 * half, 0.34 * half, 0.09 * half, _WHITE)
        at = (int(x + 0.35 * half), int(y + 0.63 * half))
        _text(page, f"KA {rng.integers(100, 999)}", at, 0.55, _BLACK, 2)
    return page, np.full((SIZE, SIZE), 0.7, np.float32)


PAINTERS: dict[str, Callable[[Rng], Painted]] = {
    f.__name__: f for f in (facade_old, facade_plain, facade_modern, shop, signs, posters, carface)
}
