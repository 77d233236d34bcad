# SPDX-License-Identifier: Apache-2.0
"""Cabinets: closed boxes with doors or drawers, alone or as part of larger furniture."""

from __future__ import annotations

import numpy as np

from geo_perception.simulation.mesh import join
from geo_perception.simulation.rooms.materials import Coat, Palette, hard
from geo_perception.simulation.rooms.seating import FINE
from geo_perception.simulation.rooms.shapes import Piece, Top, slab

Rng = np.random.Generator


def chest(
    rng: Rng,
    p: Palette,
    width: float | None = None,
    depth: float | None = None,
    height: float | None = None,
    coat: Coat | None = None,
) -> Piece:
    """A cabinet with drawers or doors and their handles."""
    w = width or rng.uniform(0.6, 1.6)
    d, h = depth or rng.uniform(0.35, 0.5), height or rng.uniform(0.55, 1.1)
    coat, knob = coat or hard(rng, p), p.of("metal")
    parts = [slab((-w / 2, 0, 0), (w / 2, d, h), coat, FINE)]
    columns, rows = max(1, round(w / rng.uniform(0.4, 0.8))), int(rng.integers(1, 5))
    gap = 0.006
    for i in range(columns):
        for j in range(rows):
            x0, x1 = (-w / 2 + w * (i + k) / columns for k in (0, 1))
            z0, z1 = (0.06 + (h - 0.08) * (j + k) / rows for k in (0, 1))
            parts.append(slab((x0 + gap, d, z0 + gap), (x1 - gap, d + 0.016, z1 - gap), coat, bottom=True))
            x, z = (x0 + x1) / 2, z1 - min(0.06, (z1 - z0) / 2)
            parts.append(
                slab((x - 0.05, d + 0.016, z), (x + 0.05, d + 0.035, z + 0.012), knob, 1.0, bottom=True)
            )
    return Piece(join(parts), w, d + 0.03, h, (Top((-w / 2, 0), (w / 2, d), h),))
