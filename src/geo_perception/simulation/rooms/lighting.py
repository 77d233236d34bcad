# SPDX-License-Identifier: Apache-2.0
"""Light baked once per environment at the corners of all triangles.

It consists of direct light of lamps, windows and sun with their shadows, then diffuse reflections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.simulation.casting import Caster
from geo_perception.simulation.rooms.indirect_light import bounced
from geo_perception.simulation.rooms.lamps import Lamp, Sun, lamp_light, sunlit
from geo_perception.simulation.rooms.light_samples import Corners


@dataclass(frozen=True)
class Baked:
    """Light at the corners of T triangles."""

    irradiance: Array  # (T, 3, 3) everything but the sun's direct light
    sunny: NDArray[np.bool_]  # (T,) the sun reaches at least one corner


def bake(
    corners: Corners, caster: Caster, occluders: Caster, albedo: Array, lamps: list[Lamp], sun: Sun | None
) -> Baked:
    """Compute all light. `occluders` lacks panes and lampshades; `albedo` (3, T) is the mean colour of triangles."""
    direct = np.zeros((3, corners.count), np.float32)
    for lamp in lamps:
        direct += lamp_light(occluders, corners, lamp)
    sunny, total = np.zeros(corners.rows.shape[1], bool), direct
    if sun is not None:
        reached, sunlight = sunlit(occluders, corners, sun)
        sunny, total = reached[corners.rows].max(0) > 0, direct + sunlight
    light = direct + bounced(caster, corners, total, albedo)
    return Baked(np.ascontiguousarray(light.T)[corners.rows.T], sunny)
