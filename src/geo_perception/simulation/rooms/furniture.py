# SPDX-License-Identifier: Apache-2.0
"""Tables, cabinets and lamps. Back at y = 0 against a wall, middle at x = 0, feet at z = 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from geo_perception.simulation.mesh import join
from geo_perception.simulation.rooms import small_objects
from geo_perception.simulation.rooms.kitchens_and_shelves import counter
from geo_perception.simulation.rooms.materials import Palette, hard
from geo_perception.simulation.rooms.seating import FINE, armchair, bed, chair, office_chair, sofa
from geo_perception.simulation.rooms.shapes import Glow, Piece, Top, legs, rod, sheet, slab
from geo_perception.simulation.rooms.storage import chest

Rng = np.random.Generator


def table(rng: Rng, p: Palette, kind: str = "any") -> Piece:
    """A plate on four legs or two panels."""
    w, d, h = rng.uniform(0.9, 1.9), rng.uniform(0.65, 0.95), rng.uniform(0.7, 0.78)
    coat, thick = hard(rng, p), rng.uniform(0.018, 0.05)
    plate = slab((-w / 2, 0, h - thick), (w / 2, d, h), coat, FINE, bottom=True)
    leg = coat if rng.random() < 0.5 else p.of("metal")
    under = legs(w, d, h - thick, rng.uniform(0.03, 0.09), leg)
    return Piece(join([plate, *under]), w, d, h, (Top((-w / 2, 0), (w / 2, d), h, 0.7, kind),))


def desk(rng: Rng, p: Palette) -> Piece:
    """A table with a block of drawers, ready for a monitor."""
    piece = table(rng, p, "desk")
    drawers = chest(rng, p, width=0.42, depth=piece.depth * 0.85, height=piece.height - 0.06)
    side = rng.choice([-1, 1]) * (piece.width / 2 - 0.26)
    return Piece(
        join([piece.mesh, drawers.mesh.moved(side, 0.02, 0)]),
        piece.width,
        piece.depth,
        piece.height,
        piece.tops,
    )


def low_table(rng: Rng, p: Palette) -> Piece:
    """A coffee table."""
    w, d, h = rng.uniform(0.7, 1.2), rng.uniform(0.45, 0.7), rng.uniform(0.35, 0.48)
    coat = hard(rng, p)
    plate = slab((-w / 2, 0, h - 0.03), (w / 2, d, h), coat, FINE)
    return Piece(
        join([plate, *legs(w, d, h - 0.03, 0.05, coat)]), w, d, h, (Top((-w / 2, 0), (w / 2, d), h),)
    )


def wardrobe(rng: Rng, p: Palette) -> Piece:
    """A tall cupboard."""
    piece = chest(rng, p, rng.uniform(0.8, 1.8), rng.uniform(0.5, 0.62), rng.uniform(1.8, 2.2))
    return Piece(piece.mesh, piece.width, piece.depth, piece.height)


def fridge(rng: Rng, p: Palette) -> Piece:
    """A refrigerator with two doors and papers stuck to them."""
    w, h, coat = rng.uniform(0.55, 0.75), rng.uniform(1.4, 1.9), p.of("metal", rng.choice([0.6, 1.0, 1.3]))
    split = h * rng.uniform(0.3, 0.7)
    parts = [slab((-w / 2, 0, 0), (w / 2, 0.58, h), coat)]
    for low, high in ((0.05, split), (split + 0.012, h)):
        parts.append(slab((-w / 2, 0.58, low), (w / 2, 0.62, high), coat, bottom=True))
        parts.append(
            slab((-w / 2 + 0.04, 0.62, low + 0.15), (-w / 2 + 0.06, 0.66, high - 0.1), p.of("metal", 0.4))
        )
    for _ in range(int(rng.integers(0, 6))):
        x, z = rng.uniform(-w / 2 + 0.1, w / 2 - 0.2), rng.uniform(0.6, h - 0.25)
        parts.append(sheet((x + 0.1, 0.623, z), (-0.1, 0, 0), (0, 0, 0.14), p.any_of("paper", rng)))
    return Piece(join(parts), w, 0.62, h, (Top((-w / 2, 0), (w / 2, 0.5), h),))


def shelf(rng: Rng, p: Palette) -> Piece:
    """Open boards between two sides, some with a back."""
    w, d, h = rng.uniform(0.6, 1.5), rng.uniform(0.24, 0.38), rng.uniform(0.9, 2.2)
    coat, t = hard(rng, p), rng.uniform(0.016, 0.03)
    boards = max(2, round(h / rng.uniform(0.28, 0.42)))
    parts = [slab((x, 0, 0), (x + t, d, h), coat) for x in (-w / 2, w / 2 - t)]
    if rng.random() < 0.7:
        parts.append(slab((-w / 2, 0, 0), (w / 2, 0.008, h), coat))
    tops = []
    for k in range(boards + 1):
        z = 0.05 + (h - 0.05 - t) * k / boards
        parts.append(slab((-w / 2 + t, 0.008, z), (w / 2 - t, d, z + t), coat, 0.2, bottom=True))
        room = (h - 0.05 - t) / boards - t - 0.02 if k < boards else 0.4
        kind = "books" if k < boards and rng.random() < 0.65 else "any"
        tops.append(Top((-w / 2 + t, 0.01), (w / 2 - t, d), z + t, room, kind))
    return Piece(join(parts), w, d, h, tuple(tops))


def sideboard(rng: Rng, p: Palette) -> Piece:
    """A low chest with a television on it."""
    piece = chest(rng, p, rng.uniform(1.2, 2.0), 0.42, rng.uniform(0.4, 0.6))
    tv = small_objects.monitor(rng, p).moved(0, 0.2, piece.height, scale=rng.uniform(1.4, 1.9))
    tops = (Top((-piece.width / 2, 0.26), (piece.width / 2, 0.42), piece.height, 0.2),)
    return Piece(join([piece.mesh, tv]), piece.width, piece.depth, piece.height + 0.7, tops)


def bedside(rng: Rng, p: Palette) -> Piece:
    """A small chest of drawers beside a bed."""
    return chest(rng, p, rng.uniform(0.4, 0.55), 0.4, rng.uniform(0.45, 0.6))


def floor_lamp(rng: Rng, p: Palette) -> Piece:
    """A pole with a shade that glows."""
    h, r = rng.uniform(1.3, 1.8), rng.uniform(0.12, 0.24)
    pole = p.of("metal", rng.choice([0.03, 0.6, 1.0]))
    parts = [
        rod((0, 0.25, 0), (0, 0.25, h - 0.1), (0.015, 0.012), pole),
        small_objects.lid(0.14, 0.02, pole).moved(0, 0.25),
    ]
    return Piece(join(parts), 0.4, 0.5, h + 0.2, glows=(Glow((0, 0.25, h), r, 0.6),))


def planter(rng: Rng, p: Palette) -> Piece:
    """A large plant standing on the floor."""
    size = rng.uniform(0.6, 1.5)
    return Piece(small_objects.plant(rng, p, size).moved(0, 0.3), 0.6, 0.6, size)


Maker = Callable[[Rng, Palette], Piece]
# Weights of what stands along walls, and what stands free in the middle, per kind of space
ALONG: dict[str, dict[Maker, float]] = {
    "living_room": {sofa: 3, sideboard: 2, shelf: 2, chest: 1, armchair: 1.5, floor_lamp: 1, planter: 1, desk: 0.5},
    "bedroom": {bed: 3, wardrobe: 1.5, chest: 1.5, bedside: 1, desk: 1, shelf: 1, armchair: 0.5, planter: 0.5},
    "office": {desk: 5, shelf: 2, chest: 1.5, planter: 0.7, table: 0.7, wardrobe: 0.5, sofa: 0.3},
    "kitchen": {counter: 8, fridge: 1.5, table: 1, shelf: 0.7, chest: 0.5},
    "dining_room": {chest: 2, sideboard: 1, shelf: 1, planter: 1, table: 0.5, floor_lamp: 0.5},
    "library": {shelf: 8, desk: 1, armchair: 1, table: 0.5, floor_lamp: 0.5},
    "corridor": {shelf: 1.5, chest: 1.5, planter: 1, chair: 1, wardrobe: 0.5, bedside: 0.5},
    "hall": {table: 1.5, shelf: 1.5, sofa: 1, planter: 1.5, chest: 1, desk: 1},
}  # fmt: skip
MIDDLE: dict[str, dict[Maker, float]] = {
    "living_room": {low_table: 4, armchair: 1, table: 0.5},
    "bedroom": {low_table: 0.5, armchair: 0.5},
    "office": {desk: 3, table: 2, office_chair: 1},
    "kitchen": {table: 3},
    "dining_room": {table: 5},
    "library": {table: 2, shelf: 1, armchair: 1},
    "corridor": {},
    "hall": {table: 3, low_table: 1, armchair: 1, planter: 0.5},
}
BELOW_SHELVES = (desk, chest, bedside, sofa, bed)  # what shelves hang above
