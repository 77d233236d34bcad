# SPDX-License-Identifier: Apache-2.0
"""Painters of what is printed or shown: pictures, rugs, covers, papers, screens and the view outside."""

from __future__ import annotations

import cv2
import numpy as np

from geo_perception._types import Array
from geo_perception.simulation.rooms.material_textures import SIZE, Rng, noise


def _colour(rng: Rng, dark: float = 0.02, bright: float = 0.8) -> Array:
    """A colour with the saturation of printing ink."""
    grey = rng.uniform(dark, bright)
    return np.asarray(
        np.clip(grey + grey * rng.uniform(0, 0.9) * rng.uniform(-1, 1, 3), 0.01, 0.95).astype(np.float32)
    )


def _flat(colour: Array) -> Array:
    return np.asarray(np.broadcast_to(colour, (SIZE, SIZE, 3)).astype(np.float32).copy())


def _tuple(colour: Array) -> tuple[float, float, float]:
    return float(colour[0]), float(colour[1]), float(colour[2])


def abstract(rng: Rng) -> Array:
    """Overlapping shapes."""
    page = _flat(_colour(rng, 0.2))
    for _ in range(int(rng.integers(4, 16))):
        ink = _tuple(_colour(rng))
        x, y, a, b = (int(n) for n in rng.integers(0, SIZE, 4))
        kind = rng.integers(3)
        if kind == 0:
            cv2.circle(page, (x, y), a // 4 + 4, ink, -1, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(page, (x, y), (a, b), ink, -1)
        else:
            cv2.line(page, (x, y), (a, b), ink, int(rng.integers(2, 20)), cv2.LINE_AA)
    return page


def landscape(rng: Rng) -> Array:
    """Sky, ranges of hills, ground."""
    sky, low = _colour(rng, 0.4, 0.9), _colour(rng, 0.5, 0.9)
    t = np.linspace(0, 1, SIZE, dtype=np.float32)[:, None, None]
    page = np.broadcast_to(sky * (1 - t) + low * t, (SIZE, SIZE, 3)).copy()
    page *= 1 + 0.1 * noise(rng, 1.2, 6)[..., None]
    rows = np.arange(SIZE)[:, None]
    for k in range(int(rng.integers(2, 5))):
        top = SIZE * (0.35 + 0.15 * k) + SIZE * 0.06 * noise(rng, 1.4)[0]
        ground = _colour(rng, 0.03, 0.4) * (1 + 0.3 * noise(rng, 0.8)[..., None])
        page = np.where((rows > top)[..., None], ground, page)
    return np.asarray(np.clip(page, 0, 1), np.float32)


def photo(rng: Rng) -> Array:
    """Soft coloured masses and a few sharp forms, with a photograph's range of tones."""
    base = np.stack([noise(rng, 1.5, 4) for _ in range(3)], -1)
    mean = base.mean(-1, keepdims=True)
    page = np.clip(0.3 + 0.2 * mean + 0.1 * (base - mean), 0.01, 0.95).astype(np.float32)
    for _ in range(int(rng.integers(1, 6))):
        centre = tuple(int(n) for n in rng.integers(0, SIZE, 2))
        axes = tuple(int(n) for n in rng.integers(8, 70, 2))
        cv2.ellipse(
            page, centre, axes, float(rng.uniform(0, 180)), 0, 360, _tuple(_colour(rng)), -1, cv2.LINE_AA
        )
    return np.asarray(page)


def text(rng: Rng) -> Array:
    """A heading, lines of grey and perhaps a picture on paper."""
    dark = rng.random() < 0.2
    page = _flat(_colour(rng, 0.02, 0.2) if dark else np.full(3, 0.85, np.float32))
    ink = _tuple(np.full(3, 0.8, np.float32) if dark else _colour(rng, 0.02, 0.15))
    cv2.rectangle(
        page, (20, 16), (int(rng.integers(80, 236)), int(rng.integers(26, 60))), _tuple(_colour(rng)), -1
    )
    y = 72
    while y < SIZE - 16:
        if rng.random() < 0.12:
            high = int(rng.integers(20, 60))
            cv2.rectangle(page, (20, y), (int(rng.integers(90, 236)), y + high), _tuple(_colour(rng)), -1)
            y += high + 8
        cv2.line(page, (20, y), (int(rng.integers(120, 236)), y), ink, 2)
        y += 7
    return page


def label(rng: Rng) -> Array:
    """A package: bands, a patch, some lettering."""
    page = _flat(_colour(rng, 0.05))
    for _ in range(int(rng.integers(1, 5))):
        y = int(rng.integers(0, SIZE))
        page[y : y + int(rng.integers(6, 80))] = _colour(rng)
    for _ in range(int(rng.integers(1, 4))):
        x, y = (int(n) for n in rng.integers(0, SIZE - 60, 2))
        words = "".join(chr(int(c)) for c in rng.integers(65, 91, int(rng.integers(3, 7))))
        mask = np.zeros((SIZE, SIZE), np.uint8)  # OpenCV writes text into bytes only
        cv2.putText(mask, words, (x, y + 40), cv2.FONT_HERSHEY_SIMPLEX, float(rng.uniform(0.8, 2.2)), 255, 3)
        page[mask > 0] = _colour(rng)
    return page


def cover(rng: Rng) -> Array:
    """The cover of a book or magazine: any of the other prints."""
    kind = rng.integers(4)
    return (abstract, photo, label, text)[int(kind)](rng)


def art(rng: Rng) -> Array:
    """A framed print for a wall, with a mount around it now and then."""
    page = (abstract, landscape, landscape, photo, photo, text)[int(rng.integers(6))](rng)
    if rng.random() < 0.5:
        edge = int(rng.integers(12, 40))
        page[:edge], page[-edge:], page[:, :edge], page[:, -edge:] = (np.float32(0.8),) * 4
    return page


def rug(rng: Rng) -> Array:
    """Borders around a mirrored motif."""
    half = SIZE // 2
    inks = [_colour(rng, 0.04, 0.5) for _ in range(4)]
    motif = noise(rng, 1.0, 8, 80)[:half, :half] if rng.random() < 0.6 else _lattice(rng, half)
    quarter = np.where(
        (motif > 0.4)[..., None], inks[0], np.where((motif < -0.5)[..., None], inks[1], inks[2])
    )
    page = np.vstack(
        [np.hstack([quarter, quarter[:, ::-1]]), np.hstack([quarter[::-1], quarter[::-1, ::-1]])]
    )
    for k in range(int(rng.integers(0, 4))):
        edge = 6 + 12 * k
        cv2.rectangle(
            page := page.astype(np.float32), (edge, edge), (SIZE - edge, SIZE - edge), _tuple(inks[3]), 5
        )
    return np.asarray(page * (1 + 0.12 * noise(rng, 0.1, 2, 8)[..., None]), np.float32)


def _lattice(rng: Rng, size: int) -> Array:
    v, u = np.mgrid[0:size, 0:size].astype(np.float32) * (np.pi / size)
    n, m = (int(k) for k in rng.integers(2, 9, 2))
    return np.asarray(np.sin(n * u + m * v) + np.sin(n * u - m * v), np.float32)


def paper(rng: Rng) -> Array:
    """A printed sheet."""
    page = _flat(np.full(3, 0.85, np.float32))
    y = 20
    while y < SIZE - 20:
        if rng.random() > 0.15:
            cv2.line(page, (24, y), (int(rng.integers(120, 232)), y), (0.3, 0.3, 0.3), 2)
        y += int(rng.integers(6, 12))
    return page


def keyboard(rng: Rng) -> Array:
    """A grid of 6 x 16 keys, dark or light."""
    dark = rng.random() < 0.7
    page = _flat(np.full(3, 0.02 if dark else 0.5, np.float32))
    wide, high = SIZE // 16, SIZE // 6
    for r in range(6):
        for c in range(16):
            key = np.float32((0.06 if dark else 0.75) * rng.normal(1, 0.05))
            page[r * high + 6 : (r + 1) * high - 2, c * wide + 2 : (c + 1) * wide - 1] = key
    return page


def screen(rng: Rng) -> Array:
    """Windows on a desktop, or a dark display that is switched off."""
    page = landscape(rng) if rng.random() < 0.5 else _flat(_colour(rng, 0.02, 0.5))
    for _ in range(int(rng.integers(0, 4))):
        x, y = (int(n) for n in rng.integers(0, SIZE - 100, 2))
        inner = cv2.resize(
            text(rng), tuple(int(n) for n in rng.integers(60, 150, 2)), interpolation=cv2.INTER_AREA
        )
        area = page[y : y + inner.shape[0], x : x + inner.shape[1]]
        area[:] = inner[: area.shape[0], : area.shape[1]]
    return page


def outdoors(rng: Rng) -> Array:
    """Sky above, trees and houses below, out of focus."""
    page = np.ones((SIZE, SIZE, 3), np.float32) * np.array([0.8, 0.9, 1.0], np.float32)
    page *= np.linspace(1, 0.85, SIZE, dtype=np.float32)[:, None, None]
    rows = np.arange(SIZE)[:, None]
    trees = SIZE * rng.uniform(0.3, 0.8) + SIZE * 0.08 * noise(rng, 1.2)[0]
    green = np.array([0.2, 0.27, 0.12], np.float32) * (1 + 0.5 * noise(rng, 0.7, 4)[..., None])
    page = np.where((rows > trees)[..., None], np.clip(green, 0.01, 1), page).astype(np.float32)
    for _ in range(int(rng.integers(0, 4))):
        x, top = int(rng.integers(0, SIZE)), int(rng.integers(SIZE // 4, SIZE))
        page[top:, x : x + int(rng.integers(30, 120))] = _colour(rng, 0.2, 0.6)
    return np.asarray(cv2.GaussianBlur(page, (0, 0), 2.0), np.float32)
