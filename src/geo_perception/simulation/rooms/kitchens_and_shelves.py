# SPDX-License-Identifier: Apache-2.0
"""Wall-mounted furniture: kitchens with their worktops, and shelves above other furniture.

They fill the wall between waist and head. A network trained on rooms without them may place whatever shows above the
edge of a low cabinet far behind it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from geo_perception.simulation.mesh import Mesh, join
from geo_perception.simulation.rooms.materials import Coat, Palette, hard
from geo_perception.simulation.rooms.seating import FINE
from geo_perception.simulation.rooms.shapes import Piece, Top, rod, sheet, slab
from geo_perception.simulation.rooms.storage import chest

Rng = np.random.Generator
WORKTOP_M, REACH_M = 0.9, 0.62  # height and depth
OVER_M = 1.45  # lower edge of what hangs above a worktop
SHELF_ROOM_M = 0.3  # above a board
HIGHEST_M = 2.0  # of a board: what stands on it stays below the lowest ceiling


def counter(rng: Rng, p: Palette) -> Piece:
    """A kitchen worktop over cupboards, with sink and hob; on the wall tiles, cupboards, shelves or nothing."""
    w = rng.uniform(1.7, 4.2)
    base = chest(rng, p, w, 0.56, WORKTOP_M - 0.04, front(rng, p))
    stone = p.of("stone") if rng.random() < 0.6 else p.any_of("wood", rng)
    plate = slab((-w / 2, 0, WORKTOP_M - 0.04), (w / 2, REACH_M, WORKTOP_M), stone, FINE, bottom=True)
    hob, sink = rng.choice([-1, 1]) * np.array([1, -1]) * rng.uniform(0.3, w / 2 - 0.3, 2)
    behind, height = splash(rng, p, w, stone)
    parts = [base.mesh, plate, *behind, *hob_and_sink(p, hob, sink)]
    left, right = sorted((hob, sink))
    gaps = ((-w / 2, left - 0.3), (left + 0.3, right - 0.3), (right + 0.3, w / 2))
    tops = [Top((a, 0.03), (b, 0.58), WORKTOP_M, 0.5, "kitchen") for a, b in gaps if b - a > 0.15]
    kind = rng.random()
    if kind < 0.8:
        height = OVER_M + 0.05
    if kind < 0.45:
        parts.append(cupboards(rng, p, w))
    elif kind < 0.8:
        boards, more = shelves(rng, p, w, OVER_M - 0.1)
        parts.append(boards)
        tops += more
    return Piece(join(parts), w, REACH_M, height, tuple(tops))


def front(rng: Rng, p: Palette) -> Coat:
    """Draw the finish of kitchen doors: lacquer of any colour, or as other furniture."""
    return p.of("lacquer", p.accent(rng)) if rng.random() < 0.5 else hard(rng, p)


def splash(rng: Rng, p: Palette, w: float, stone: Coat) -> tuple[list[Mesh], float]:
    """Build a splashback of tiles or a low strip of stone, or none; returns its meshes and height, metres."""
    kind = rng.random()
    if kind < 0.45:
        paint = sheet((w / 2, 0.004, WORKTOP_M), (-w, 0, 0), (0, 0, OVER_M - WORKTOP_M), p.of("plain", 0.9))
        return [paint, slab((-w / 2, 0, WORKTOP_M), (w / 2, 0.012, OVER_M), p.of("backsplash"), FINE)], OVER_M
    top = WORKTOP_M + rng.uniform(0.05, 0.2)
    if kind < 0.65:
        return [slab((-w / 2, 0, WORKTOP_M), (w / 2, 0.02, top), stone, FINE)], top
    return [], WORKTOP_M


def hob_and_sink(p: Palette, hob: float, sink: float) -> list[Mesh]:
    """Build a hob and a sink, centred at these positions along the worktop, metres."""
    z, steel = WORKTOP_M, p.of("metal")
    return [
        slab((hob - 0.28, 0.08, z), (hob + 0.28, 0.56, z + 0.008), p.of("glass")),
        slab((sink - 0.25, 0.12, z), (sink + 0.25, 0.52, z + 0.006), steel),
        slab((sink - 0.2, 0.16, z + 0.006), (sink + 0.2, 0.48, z + 0.007), p.of("metal", 0.15)),
        rod((sink, 0.08, z), (sink, 0.08, z + 0.25), (0.015, 0.012), steel),
        rod((sink, 0.08, z + 0.25), (sink, 0.28, z + 0.22), (0.012, 0.012), steel),
    ]


def cupboards(rng: Rng, p: Palette, w: float) -> Mesh:
    """Wall cupboards over part of a worktop."""
    over = chest(rng, p, w * rng.uniform(0.4, 0.95), 0.33, 0.65)
    half = over.width / 2
    floor = slab((-half, 0, OVER_M - 0.01), (half, 0.33, OVER_M), p.of("plastic", 0.8), bottom=True)
    return join([over.mesh.moved(0, 0, OVER_M), floor])


def shelves(rng: Rng, p: Palette, width: float, lowest: float) -> tuple[Mesh, list[Top]]:
    """One or two boards on a wall, the first up to 0.3 m above `lowest`, with places for what stands there."""
    w, d = width * rng.uniform(0.5, 1.0), rng.uniform(0.14, 0.28)
    left = rng.uniform(-width / 2, width / 2 - w)
    coat, thick = hard(rng, p), rng.uniform(0.015, 0.04)
    parts, tops = [], []
    z = min(lowest + rng.uniform(0, 0.3), HIGHEST_M)
    for _ in range(int(rng.integers(1, 3))):
        if z > HIGHEST_M:
            break
        parts.append(slab((left, 0, z), (left + w, d, z + thick), coat, FINE, bottom=True))
        kind = str(rng.choice(["books", "display", "any"], p=[0.35, 0.35, 0.3]))
        tops.append(Top((left, 0.01), (left + w, d), z + thick, SHELF_ROOM_M, kind))
        z += thick + rng.uniform(1.0, 1.3) * SHELF_ROOM_M
    return join(parts), tops


def below_shelves(rng: Rng, p: Palette, piece: Piece) -> Piece:
    """A low piece, with shelves on the wall above it."""
    boards, tops = shelves(rng, p, piece.width, max(piece.height + 0.65, 1.2))
    height = max(top.z for top in tops) + SHELF_ROOM_M
    return replace(piece, mesh=join([piece.mesh, boards]), height=height, tops=(*piece.tops, *tops))
