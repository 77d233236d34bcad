# SPDX-License-Identifier: Apache-2.0
"""Painters of building materials: each fills a square page of linear reflectance (0..1, tileable)."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from geo_perception._types import Array
from geo_perception.simulation import textures

Rng = np.random.Generator
SIZE = 256  # pixels a side; at 1.2 m a tile that is 5 mm, a pixel of a small image at 0.7 m


def noise(rng: Rng, slope: float, shortest_px: float = 2.0, longest_px: float = 256.0) -> Array:
    """Generate tileable noise (SIZE, SIZE) with unit deviation."""
    return textures.fractal(rng, slope, shortest_px, longest_px, SIZE)


def _grey(level: float, *layers: Array) -> Array:
    value = level * (1 + np.sum(layers, axis=0))
    return np.repeat(value[..., None], 3, -1).astype(np.float32)


def plain(rng: Rng) -> Array:
    """Smooth paint with hardly any texture."""
    return _grey(0.8, 0.012 * noise(rng, 0.3, 2, 30), 0.02 * noise(rng, 1.6, 8))


def plaster(rng: Rng) -> Array:
    """Light plaster with faint grain."""
    return _grey(0.75, 0.05 * noise(rng, 0.5, 2, 30), 0.04 * noise(rng, 1.2))


def concrete(rng: Rng) -> Array:
    """Mid-grey, blotched concrete."""
    return _grey(0.5, 0.1 * noise(rng, 0.6, 2, 60), 0.1 * noise(rng, 1.5))


def wallpaper(rng: Rng) -> Array:
    """Stripes, dots or a woven motif in two tones."""
    v, u = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) * (2 * np.pi / SIZE)
    n = int(rng.integers(3, 12))
    kind = rng.integers(4)
    if kind == 0:
        wave = np.sin(n * u)
    elif kind == 1:
        wave = np.sin(n * u) * np.sin(n * v) * 1.5
    elif kind == 2:
        wave = np.sin(n * u + 2 * np.sin(n * v)) + np.cos(2 * n * v) * 0.5
    else:
        wave = np.clip(noise(rng, 1.0, 6, 60), -1.5, 1.5)
    share = (np.tanh(3 * wave) * 0.5 + 0.5)[..., None].astype(np.float32)
    tones = 1 - rng.uniform(0, 0.45) * rng.uniform(0.3, 1, 3).astype(np.float32)
    return np.asarray(0.8 * (share + (1 - share) * tones) * (1 + 0.02 * noise(rng, 0.3)[..., None]))


def brick(rng: Rng) -> Array:
    """A running bond of 14 courses."""
    page = _grey(0.55, 0.1 * noise(rng, 0.5))
    rows, cols = 14, 5
    h, w = SIZE / rows, SIZE / cols
    for r in range(rows):
        for c in range(-1, cols):
            x, y = (c + 0.5 * (r % 2)) * w, r * h
            page[int(y) + 2 : int(y + h), max(int(x) + 2, 0) : int(x + w)] *= np.float32(
                rng.normal(0.7, 0.09)
            )
    return page


def wood(rng: Rng) -> Array:
    """Grain along v, without boards."""
    grain = cv2.blur(noise(rng, 0.5, 2, 60), (1, 41)) * 2.2
    bands = cv2.blur(noise(rng, 1.2, 8), (1, 61)) * 1.2
    value = 0.62 * (1 + 0.09 * grain + 0.1 * bands)
    return np.asarray(np.clip(value, 0.05, 1)[..., None] * np.array([1, 0.97, 0.93], np.float32), np.float32)


def planks(rng: Rng) -> Array:
    """Floor boards along v with joints, each with its own brightness."""
    page = wood(rng)
    count = int(rng.integers(6, 13))
    spread = rng.uniform(0.03, 0.14)
    edges = np.linspace(0, SIZE, count + 1).astype(int)
    for left, right in pairwise(edges):
        board = np.roll(page[:, left:right], int(rng.integers(SIZE)), 0) * np.float32(rng.normal(1, spread))
        cut = int(rng.integers(SIZE))
        board[:cut] *= np.float32(rng.normal(1, spread))
        board[cut : cut + 1] *= 0.6
        page[:, left:right] = board
        page[:, left : left + 1] *= 0.6
    return page


def parquet(rng: Rng) -> Array:
    """Squares of short staves, turned by a right angle from square to square."""
    page, cell = wood(rng), SIZE // 4
    staves = int(rng.integers(4, 7))
    for i in range(4):
        for j in range(4):
            square = page[i * cell : (i + 1) * cell, j * cell : (j + 1) * cell].copy()
            for s in range(staves):
                a, b = s * cell // staves, (s + 1) * cell // staves
                square[:, a:b] *= np.float32(rng.normal(1, 0.1))
                square[:, a] *= 0.65
            square = np.swapaxes(square, 0, 1) if (i + j) % 2 else square
            square[0], square[:, 0] = square[0] * 0.65, square[:, 0] * 0.65
            page[i * cell : (i + 1) * cell, j * cell : (j + 1) * cell] = square
    return page


def tiles(rng: Rng) -> Array:
    """Square or half-bond tiles with grout."""
    page = _grey(0.72, 0.03 * noise(rng, 1.2), 0.015 * noise(rng, 0.3))
    across = int(rng.choice([2, 4, 4, 8]))
    cell, joint = SIZE // across, 2 if across < 8 else 1
    grout = np.float32(rng.choice([0.35, 0.55, 1.0, 1.25]) * 0.6)
    second = np.float32(rng.uniform(0.3, 1)) if rng.random() < 0.25 else np.float32(1)
    for i in range(across):
        for j in range(across):
            area = page[i * cell : (i + 1) * cell, j * cell : (j + 1) * cell]
            area *= np.float32(rng.normal(1, 0.03)) * (second if (i + j) % 2 else np.float32(1))
            area[:joint], area[:, :joint] = grout, grout
    return page


def marble(rng: Rng) -> Array:
    """Light stone with soft veins."""
    veins = np.abs(noise(rng, 1.3, 3)) ** 0.5
    return np.asarray(_grey(0.75, 0.15 * (veins - veins.mean()), 0.04 * noise(rng, 0.5)))


def terrazzo(rng: Rng) -> Array:
    """Coloured chips in a light ground."""
    chips = cv2.GaussianBlur(rng.standard_normal((SIZE, SIZE, 3)).astype(np.float32), (0, 0), 1.3)
    return np.asarray(np.clip(0.6 + 0.12 * np.sign(chips) * (np.abs(chips) > 0.25), 0, 1).astype(np.float32))


def carpet(rng: Rng) -> Array:
    """Pile, sometimes with stripes or tiles of two tones, as in offices."""
    page = _grey(0.55, 0.16 * noise(rng, 0.1, 2, 12), 0.05 * noise(rng, 1.0))
    if rng.random() < 0.45:
        stripes = np.repeat(rng.normal(0, 0.3, SIZE // 4), 4).clip(-0.6, 0.6).astype(np.float32)
        page *= 1 + stripes[None, :, None]
    return page


def fabric(rng: Rng) -> Array:
    """Weave, folds and, half the time, stripes, checks or a print."""
    v, u = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) * (2 * np.pi / SIZE)
    page = _grey(0.6, 0.05 * noise(rng, 0.1, 2, 8), 0.09 * noise(rng, 1.5, 16))
    kind, n = rng.integers(7), int(rng.integers(3, 14))
    if kind == 0:
        page *= 1 + rng.uniform(0.1, 0.5) * np.sign(np.sin(n * u))[..., None]
    elif kind == 1:
        check = np.sign(np.sin(n * u)) + np.sign(np.sin(n * v))
        page *= 1 + rng.uniform(0.1, 0.25) * check[..., None]
    elif kind == 2:
        mask = noise(rng, 1.0, 8, 64)[..., None] > 0.6
        page = np.where(mask, page * rng.uniform(0.4, 1.5, 3), page)
    return np.asarray(np.clip(page, 0.02, 1), np.float32)


def leather(rng: Rng) -> Array:
    """Fine grain with soft folds."""
    return _grey(0.6, 0.05 * noise(rng, 0.2, 2, 12), 0.12 * noise(rng, 1.5))


def metal(rng: Rng) -> Array:
    """Brushed metal, strokes along v."""
    return _grey(0.6, 0.03 * cv2.blur(noise(rng, 0.1), (1, 31)), 0.05 * noise(rng, 1.6))


def leaf(rng: Rng) -> Array:
    """Green foliage of a random brightness."""
    base = np.array([0.16, 0.27, 0.07], np.float32) * rng.uniform(0.7, 1.3)
    return np.asarray(base * (1 + np.clip(0.35 * noise(rng, 0.8), -0.8, 1.5))[..., None], np.float32)
