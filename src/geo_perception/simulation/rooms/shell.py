# SPDX-License-Identifier: Apache-2.0
"""Walls, floors and ceilings with doors, windows, curtains, pictures and the small fittings of a wall.

A wall's own frame: x along it, y into the room, z up, its left end at the origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geo_perception.simulation.mesh import Mesh, join, surface
from geo_perception.simulation.rooms.materials import Coat, Palette
from geo_perception.simulation.rooms.shapes import panel, sheet, slab

Rng = np.random.Generator
WALL_STEP, FLOOR_STEP, CEILING_STEP = 0.16, 0.09, 0.3  # edges of lit quads
WALL_M = 0.12  # thickness of walls between rooms


@dataclass(frozen=True)
class Opening:
    """A hole in a wall, from x0 to x1 and z0 to z1."""

    x0: float
    x1: float
    z0: float
    z1: float
    kind: str  # window | door (closed) | arch (open to the next room)


def wall(length: float, height: float, openings: list[Opening], coat: Coat) -> Mesh:
    """A wall's plane around its openings."""
    parts, x = [], 0.0
    for o in sorted(openings, key=lambda o: o.x0):
        parts.append(_plane(x, o.x0, 0, height, coat))
        parts.append(_plane(o.x0, o.x1, 0, o.z0, coat))
        parts.append(_plane(o.x0, o.x1, o.z1, height, coat))
        x = o.x1
    parts.append(_plane(x, length, 0, height, coat))
    return join([m for m in parts if m is not None])


def _plane(x0: float, x1: float, z0: float, z1: float, coat: Coat) -> Mesh | None:
    if x1 - x0 < 1e-3 or z1 - z0 < 1e-3:
        return None
    texture = np.array([[x1, z0], [x0, z1]])
    return panel((x1, 0, z0), (x0 - x1, 0, 0), (0, 0, z1 - z0), coat, WALL_STEP, texture)


def reveal(o: Opening, depth: float, coat: Coat) -> Mesh:
    """The sides of a hole, going back `depth`."""
    back, wide, high = (0, -depth, 0), (o.x1 - o.x0, 0, 0), (0, 0, o.z1 - o.z0)
    sides = [
        panel((o.x0, -depth, o.z0), (0, depth, 0), high, coat, 0.3),
        panel((o.x1, 0, o.z0), back, high, coat, 0.3),
    ]
    sides += [panel((o.x0, 0, o.z0), back, wide, coat, 0.3), panel((o.x0, 0, o.z1), wide, back, coat, 0.3)]
    return join(sides)


def casing(o: Opening, coat: Coat, wide: float = 0.07) -> Mesh:
    """The frame around a door or window on the wall."""
    parts = [slab((x, 0, o.z0), (x + wide, 0.018, o.z1), coat) for x in (o.x0 - wide, o.x1)]
    parts.append(slab((o.x0 - wide, 0, o.z1), (o.x1 + wide, 0.018, o.z1 + wide), coat, bottom=True))
    return join(parts)


def window(rng: Rng, p: Palette, o: Opening) -> Mesh:
    """A window without its pane: reveal, sash bars, sill, and curtains, a blind or a radiator."""
    coat = p.of("trim")
    parts = [reveal(o, 0.13, coat)]
    across, up = max(1, round((o.x1 - o.x0) / rng.uniform(0.5, 1.0))), int(rng.integers(1, 3))
    for k in range(across + 1):
        x = o.x0 + (o.x1 - o.x0 - 0.05) * k / across
        parts.append(slab((x, -0.13, o.z0), (x + 0.05, -0.09, o.z1), coat))
    for k in range(up + 1):
        z = o.z0 + (o.z1 - o.z0 - 0.05) * k / up
        parts.append(slab((o.x0, -0.13, z), (o.x1, -0.09, z + 0.05), coat, bottom=True))
    if o.z0 > 0.2:
        parts.append(slab((o.x0 - 0.06, -0.13, o.z0 - 0.03), (o.x1 + 0.06, 0.14, o.z0), coat, bottom=True))
    if rng.random() < 0.5:
        parts += curtains(rng, p, o)
    elif rng.random() < 0.35:
        parts.append(blind(rng, p, o))
    if o.z0 > 0.7 and rng.random() < 0.5:
        parts.append(radiator(p, o))
    return join(parts)


def radiator(p: Palette, o: Opening) -> Mesh:
    """A radiator: ribs below the sill."""
    ribs, coat = np.arange(o.x0 + 0.05, o.x1 - 0.1, 0.09), p.of("trim", 0.9)
    return join([slab((x, 0.03, 0.15), (x + 0.07, 0.1, o.z0 - 0.12), coat, 0.4) for x in ribs])


def pane(o: Opening, coat: Coat) -> Mesh:
    """The glowing view outside, at the outer edge of the wall."""
    return sheet((o.x1, -0.125, o.z0), (o.x0 - o.x1, 0, 0), (0, 0, o.z1 - o.z0), coat, 0.4)


def curtains(rng: Rng, p: Palette, o: Opening) -> list[Mesh]:
    """Folded cloth on both sides and a rail."""
    coat, low = p.any_of("fabric", rng), 0.05 if rng.random() < 0.7 else max(o.z0 - 0.15, 0.05)
    high, wide = o.z1 + 0.12, rng.uniform(0.12, 0.45) * (o.x1 - o.x0)
    out = [slab((o.x0 - 0.3, 0.06, high), (o.x1 + 0.3, 0.085, high + 0.02), p.of("metal"), bottom=True)]
    for x0 in (o.x0 - 0.25, o.x1 + 0.25 - wide):
        s, t = np.linspace(0, 1, 26)[:, None], np.linspace(0, 1, 6)[None]
        fold = 0.035 * np.sin(2 * np.pi * s * max(2, round(wide / 0.11)) + rng.uniform(0, 6))
        grid = np.stack(
            [x0 + wide * s + 0 * t, 0.075 + fold * (0.6 + 0.4 * t) + 0 * t, high + (low - high) * t + 0 * s],
            -1,
        )
        out.append(surface(grid, *coat))
    return out


def blind(rng: Rng, p: Palette, o: Opening) -> Mesh:
    """Slats over the upper part of a window."""
    coat, bottom = p.of("plastic", 0.8), o.z1 - rng.uniform(0.2, 0.9) * (o.z1 - o.z0)
    slats = []
    for z in np.arange(bottom, o.z1, 0.06):
        slats.append(panel((o.x1, -0.07, z), (o.x0 - o.x1, 0, 0), (0, 0.03, 0.03), coat, 0.8))
    return join(slats)


def door(rng: Rng, p: Palette, o: Opening) -> Mesh:
    """A closed door with panels and a handle."""
    coat = p.of("trim") if rng.random() < 0.6 else p.any_of("wood", rng)
    parts = [reveal(o, 0.06, p.of("trim")), casing(o, p.of("trim"))]
    parts.append(panel((o.x1, -0.05, 0), (o.x0 - o.x1, 0, 0), (0, 0, o.z1), coat, 0.3))
    for z0, z1 in ((0.15, 0.9), (1.05, o.z1 - 0.15)):
        if rng.random() < 0.6:
            parts.append(slab((o.x0 + 0.12, -0.05, z0), (o.x1 - 0.12, -0.038, z1), coat, bottom=True))
    parts.append(handle(p, o.x0 + 0.08, -0.05))
    return join(parts)


def handle(p: Palette, x: float, y: float) -> Mesh:
    """A lever handle on a plate, at (x, y) of a door's frame."""
    metal = p.of("metal")
    return join([
        slab((x - 0.02, y, 0.95), (x + 0.02, y + 0.01, 1.13), metal, bottom=True),
        slab((x - 0.01, y + 0.04, 1.04), (x + 0.12, y + 0.055, 1.06), metal, bottom=True),
    ])  # fmt: skip


def open_leaf(rng: Rng, p: Palette, o: Opening) -> Mesh:
    """A door standing open into the room, hinged at the left side."""
    coat = p.of("trim") if rng.random() < 0.6 else p.any_of("wood", rng)
    wide = o.x1 - o.x0
    leaf = slab((0, -0.04, 0.01), (wide, 0, o.z1 - 0.01), coat)
    return join([leaf, handle(p, wide - 0.16, 0.0)]).moved(o.x0 + 0.02, 0.03, 0, rng.uniform(1.2, 1.75))


def skirting(length: float, openings: list[Opening], coat: Coat) -> Mesh:
    """A board along the foot of the wall, between the doors."""
    parts, x = [], 0.0
    for o in sorted((o for o in openings if o.z0 < 0.1), key=lambda o: o.x0):
        if o.x0 - 0.07 > x:
            parts.append(slab((x, 0, 0), (o.x0 - 0.07, 0.014, 0.09), coat, 0.5))
        x = o.x1 + 0.07
    if length > x:
        parts.append(slab((x, 0, 0), (length, 0.014, 0.09), coat, 0.5))
    return join(parts)


def picture(rng: Rng, p: Palette, x: float, z: float, w: float, h: float) -> Mesh:
    """A framed painting, or a poster without a frame, with its middle at (x, z)."""
    left, low = x - w / 2, z - h / 2
    if rng.random() < 0.35:
        return sheet((left + w, 0.003, low), (-w, 0, 0), (0, 0, h), p.any_of("art", rng))
    edge, out = rng.uniform(0.01, 0.05), rng.uniform(0.015, 0.04)
    coat = p.of("lacquer", p.accent(rng)) if rng.random() < 0.5 else p.any_of("wood", rng)
    box = slab((left - edge, 0, low - edge), (left + w + edge, out, low + h + edge), coat, bottom=True)
    return join([box, sheet((left + w, out + 0.001, low), (-w, 0, 0), (0, 0, h), p.any_of("art", rng))])


def rug(rng: Rng, p: Palette, x: float, y: float, w: float, d: float) -> Mesh:
    """A rug on the floor with its middle at (x, y)."""
    return sheet((-w / 2, -d / 2, 0.012), (w, 0, 0), (0, d, 0), p.any_of("rug", rng), FLOOR_STEP).moved(
        x, y, 0, rng.normal(0, 0.08)
    )


def notice_board(rng: Rng, p: Palette, x: float, z: float) -> Mesh:
    """Papers pinned to cork or straight to the wall."""
    parts = []
    if rng.random() < 0.6:
        cork = np.array([0.5, 0.33, 0.18])
        parts.append(
            slab((x - 0.45, 0, z - 0.3), (x + 0.45, 0.012, z + 0.3), p.of("plain", cork), bottom=True)
        )
    for _ in range(int(rng.integers(3, 11))):
        px, pz, w = x + rng.uniform(-0.42, 0.3), z + rng.uniform(-0.28, 0.1), rng.uniform(0.08, 0.22)
        coat = p.any_of("paper" if rng.random() < 0.6 else "cover", rng)
        parts.append(
            sheet(
                (px + w, 0.013 + 0.001 * len(parts), pz), (-w, 0, 0), (0, 0, w * rng.uniform(0.7, 1.4)), coat
            )
        )
    return join(parts)


def fittings(rng: Rng, p: Palette, x: float) -> Mesh:
    """A light switch or a socket."""
    z = rng.choice([0.3, 1.1])
    w = rng.choice([0.08, 0.16])
    return slab((x, 0, z), (x + w, 0.012, z + 0.08), p.of("plastic", 0.85), bottom=True)
