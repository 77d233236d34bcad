# SPDX-License-Identifier: Apache-2.0
"""Table of materials: appearance of surfaces to a camera and to a lidar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Material:
    """Appearance of a surface.

    `page` names a texture that repeats every `tile_m` metres (1: the builder chose the coordinates).
    `gloss` scales the page's own gloss channel: the share of mirrored surroundings at steep view, more when grazing.
    `macro` is the relative strength of slow brightness changes that hide the texture's repetition.
    `reflectance` (0..1) and `loss` (share of beams without a return at close range) are the lidar's view.
    """

    page: str
    tile_m: float
    gloss: float = 0.0
    macro: float = 0.25
    reflectance: float = 0.3
    loss: float = 0.01
    glass: bool = False  # beams go through, into whatever is behind
    leafy: bool = False  # lit from both sides


MATERIALS: dict[str, Material] = {
    "asphalt": Material("asphalt", 3.0, 0.012, 0.13, 0.25, 0.02),
    "marking": Material("plaster", 3.0, 0.0, 0.25, 0.7),
    "pavement": Material("slabs", 2.0, 0.0, 0.15, 0.3),
    "kerb": Material("concrete", 2.0, 0.0, 0.15, 0.3),
    "concrete": Material("concrete", 4.0, 0.0, 0.25, 0.35),
    "grass": Material("grass", 2.5, 0.0, 0.3, 0.4, 0.02),
    "soil": Material("soil", 2.5, 0.0, 0.4, 0.3, 0.02),
    "plaster": Material("plaster", 5.0, 0.0, 0.08, 0.4),
    "brick": Material("brick", 2.0, 0.0, 0.1, 0.35),
    "roof": Material("roof", 2.5, 0.0, 0.25, 0.3),
    "wood": Material("wood", 2.0, 0.0, 0.2, 0.3),
    "bark": Material("bark", 1.0, 0.0, 0.3, 0.3, 0.02),
    "leaf": Material("leaf", 1.2, 0.0, 0.3, 0.4, 0.06, leafy=True),
    "hedge": Material("leaf", 1.6, 0.0, 0.4, 0.4, 0.03, leafy=True),
    "treeline": Material("treeline", 12.0, 0.0, 0.3, 0.3, 0.3, leafy=True),
    "facade_old": Material("facade_old", 12.0, 0.6, 0.08, 0.35),
    "facade_plain": Material("facade_plain", 12.0, 0.6, 0.08, 0.4),
    "facade_modern": Material("facade_modern", 12.0, 0.7, 0.1, 0.35),
    "shop": Material("shop", 8.0, 0.6, 0.1, 0.35, 0.05),
    "metal": Material("metal", 2.0, 0.15, 0.15, 0.3, 0.05),
    "sign": Material("signs", 1.0, 0.05, 0.0, 0.9),
    "poster": Material("posters", 1.0, 0.05, 0.05, 0.5),
    "paint": Material("paint", 4.0, 0.22, 0.05, 0.25, 0.12),
    "carface": Material("carface", 1.0, 0.3, 0.0, 0.5, 0.1),
    "glass": Material("interior", 1.5, 0.55, 0.0, 0.05, 0.6, glass=True),
    "rubber": Material("rubber", 1.0, 0.0, 0.2, 0.1, 0.25),
    "wheel": Material("wheel", 1.0, 0.3, 0.0, 0.2, 0.2),
    "cloth": Material("cloth", 0.7, 0.0, 0.2, 0.35, 0.02),
    "lamp": Material("plaster", 1.0, 0.2, 0.0, 0.6),
}

ID: dict[str, int] = {name: k for k, name in enumerate(MATERIALS)}


def column(field: str) -> NDArray[np.float32]:
    """Collect one numeric field of every material, in order of ID."""
    return np.array([float(getattr(m, field)) for m in MATERIALS.values()], np.float32)
