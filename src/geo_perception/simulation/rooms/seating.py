# SPDX-License-Identifier: Apache-2.0
"""Chairs, sofas and beds. Back at y = 0 against a wall, middle at x = 0, feet at z = 0."""

from __future__ import annotations

import cv2
import numpy as np

from geo_perception.simulation.mesh import Mesh, join, surface
from geo_perception.simulation.rooms import small_objects
from geo_perception.simulation.rooms.materials import Coat, Palette, hard
from geo_perception.simulation.rooms.shapes import Piece, Top, legs, rod, slab

Rng = np.random.Generator
FINE = 0.12  # edge of a lit quad where shadows fall


def chair(rng: Rng, p: Palette) -> Piece:
    """A chair: seat, legs, and a back of slats, a board or cloth."""
    w, d, h, top = (
        rng.uniform(0.4, 0.5),
        rng.uniform(0.4, 0.48),
        rng.uniform(0.43, 0.48),
        rng.uniform(0.8, 1.05),
    )
    coat = hard(rng, p)
    soft = p.any_of("fabric", rng) if rng.random() < 0.5 else p.of("leather")
    seat = slab((-w / 2, 0, h - 0.05), (w / 2, d, h), soft if rng.random() < 0.6 else coat, 0.2)
    parts = [seat, *legs(w, d, h - 0.05, 0.035, coat, 0.0)]
    for x in (-w / 2, w / 2 - 0.035):
        parts.append(slab((x, 0, h), (x + 0.035, 0.035, top), coat))
    if rng.random() < 0.6:
        upright = rng.random() < 0.4
        for k in range(int(rng.integers(2, 6))):
            if upright:
                x = -w / 2 + 0.06 + k * 0.07
                parts.append(slab((x, 0.005, h), (x + 0.035, 0.025, top - 0.05), coat))
            else:
                z = h + 0.12 + k * 0.09
                parts.append(slab((-w / 2, 0.005, z), (w / 2, 0.025, min(z + 0.05, top)), coat, bottom=True))
        parts.append(slab((-w / 2, 0, top - 0.07), (w / 2, 0.03, top), coat, bottom=True))
    else:
        parts.append(slab((-w / 2, 0, h + 0.08), (w / 2, 0.04, top), soft, bottom=True))
    return Piece(join(parts), w, d, top, (Top((-w / 2, 0.05), (w / 2, d), h, 0.3, "bed"),))


def office_chair(rng: Rng, p: Palette) -> Piece:
    """A swivel chair: seat and back on a column with a star of feet."""
    soft = (
        p.any_of("fabric", rng, rng.choice([0.03, 0.05, 0.3]))
        if rng.random() < 0.6
        else p.any_of("fabric", rng)
    )
    black = p.of("plastic", 0.025)
    parts = [slab((-0.25, 0, 0.44), (0.25, 0.48, 0.53), soft, 0.2, bottom=True)]
    t = np.linspace(0, 1, 5)
    for y, turn in ((0.02, 1), (-0.04, 1)):
        bend = 0.06 * np.sin(np.pi * t)[:, None]
        s = np.linspace(-1, 1, 5)[None]
        back = np.stack(
            [0.23 * s * (1 - 0.2 * t[:, None]), y - bend + 0.05 * s**2, 0.6 + 0.5 * t[:, None] + 0 * s], -1
        )
        parts.append(surface(back * np.array([turn, 1, 1]), *soft))
    parts += [rod((0, 0.24, 0.08), (0, 0.24, 0.44), (0.03, 0.03), black)]
    parts += [slab((-0.03, -0.05, 0.4), (0.03, 0.0, 0.75), black)]
    for k in range(5):
        a = 2 * np.pi * k / 5
        parts.append(
            rod(
                (0, 0.24, 0.09),
                (0.3 * np.cos(a), 0.24 + 0.3 * np.sin(a), 0.05),
                (0.03, 0.02),
                black,
                sides=6,
            )
        )
    for x in (-0.29, 0.25):
        parts.append(slab((x, 0.08, 0.66), (x + 0.05, 0.34, 0.69), black, bottom=True))
        parts.append(slab((x, 0.18, 0.46), (x + 0.03, 0.22, 0.66), black))
    return Piece(join(parts), 0.6, 0.6, 1.1)


def sofa(rng: Rng, p: Palette, seats: int | None = None) -> Piece:
    """A sofa: seat cushions, back, arms and pillows."""
    seats = seats or int(rng.integers(2, 4))
    w, d, h = 0.65 * seats + 0.35, rng.uniform(0.8, 0.95), rng.uniform(0.7, 0.9)
    soft = p.any_of("fabric", rng) if rng.random() < 0.75 else p.of("leather")
    arm, high = rng.uniform(0.12, 0.2), rng.uniform(0.52, 0.66)
    parts = [
        slab((-w / 2, 0, 0.08), (w / 2, d, 0.3), soft, bottom=True),
        slab((-w / 2, 0, 0.3), (w / 2, 0.22, h), soft, 0.2),
    ]
    for x in (-w / 2, w / 2 - arm):
        parts.append(slab((x, 0, 0.1), (x + arm, d, high), soft, 0.2))
    inner = (w - 2 * arm) / seats
    for k in range(seats):
        x = -w / 2 + arm + k * inner
        parts.append(_padded((x + 0.01, 0.2, 0.3), (x + inner - 0.01, d + 0.02, 0.44), soft))
        parts.append(slab((x + 0.01, 0.2, 0.44), (x + inner - 0.01, 0.34, h + 0.03), soft, 0.2))
        if rng.random() < 0.5:
            parts.append(small_objects.cushion(rng, p).moved(x + inner / 2, 0.5, 0.45, rng.normal(0, 0.3)))
    tops = (Top((-w / 2 + arm, 0.4), (w / 2 - arm, d), 0.46, 0.3, "bed"),)
    return Piece(join(parts), w, d + 0.02, h, tops)


def _padded(low: tuple[float, float, float], high: tuple[float, float, float], coat: Coat) -> Mesh:
    """A cushion: a block with a slightly domed top."""
    n = 6
    s, t = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n), indexing="ij")
    dome = 0.03 * (16 * s * (1 - s) * t * (1 - t)) ** 0.4
    x, y = low[0] + s * (high[0] - low[0]), low[1] + t * (high[1] - low[1])
    return join(
        [
            surface(np.stack([x, y, high[2] - 0.02 + dome], -1), *coat),
            slab(low, (*high[:2], high[2] - 0.02), coat),
        ]
    )


def armchair(rng: Rng, p: Palette) -> Piece:
    """A sofa of one seat."""
    return sofa(rng, p, 1)


def bed(rng: Rng, p: Palette) -> Piece:
    """A bed with its head at the wall, pillows and a blanket."""
    w, d, h = rng.choice([0.95, 1.4, 1.8]), 2.05, rng.uniform(0.4, 0.55)
    coat, sheet_coat, cover = (
        hard(rng, p),
        p.any_of("fabric", rng, rng.uniform(0.7, 1.3)),
        p.any_of("fabric", rng),
    )
    parts = [
        slab((-w / 2, 0, 0.1), (w / 2, d, h - 0.2), coat, bottom=True),
        slab((-w / 2, 0, 0.1), (w / 2, 0.06, rng.uniform(0.8, 1.2)), coat),
        slab((-w / 2 + 0.02, 0.06, h - 0.2), (w / 2 - 0.02, d - 0.02, h), sheet_coat, 0.2),
    ]
    n, m = 14, 12
    s, t = np.meshgrid(np.linspace(-1, 1, n), np.linspace(0, 1, m), indexing="ij")
    over = np.clip((np.abs(s) - 0.86) / 0.14, 0, 1)
    wrinkle = 0.03 * cv2.GaussianBlur(rng.standard_normal((n, m)), (0, 0), 1.1) * (1 - over)
    x = s * (w / 2 + 0.03) - np.sign(s) * 0.05 * over * (1 - over)
    z = h + 0.05 + wrinkle - over * (h - 0.2)
    parts.append(surface(np.stack([x, rng.uniform(0.5, 0.9) + (d - 0.85) * t, z], -1), *cover))
    for k in range(1 if w < 1.2 else 2):
        x0 = 0.0 if w < 1.2 else (k - 0.5) * w * 0.5
        parts.append(small_objects.cushion(rng, p).moved(x0, 0.32, h + 0.02, rng.normal(0, 0.1), 1.15))
    return Piece(
        join(parts), w, d, 1.0, (Top((-w / 2 + 0.1, 0.9), (w / 2 - 0.1, d - 0.1), h + 0.06, 0.3, "bed"),)
    )
