# SPDX-License-Identifier: Apache-2.0
"""Poles, lamps, signs, traffic lights, gantries, bridges, cabinets and wires, each built at the origin."""

from __future__ import annotations

import numpy as np

from geo_perception.simulation.drive.materials import ID
from geo_perception.simulation.mesh import Mesh, box, disc, join, patch, tube

Rng = np.random.Generator


def _pole(height: float, radius: float, tint: tuple[float, float, float] = (0.8, 0.8, 0.8)) -> Mesh:
    return tube((0, 0, 0), (0, 0, height), (radius, radius * 0.8), ID["metal"], tint, sides=8, rings=3)


def _plate(x: float, y: float, z: float, width: float, height: float, rng: Rng) -> Mesh:
    """A sign facing the oncoming driver, one cell of the page of signs."""
    cell = rng.integers(0, 4, 2) / 4
    uv = cell + np.array([[0.25, 0.0], [0.0, 0.25]])
    return patch((x, y - width / 2, z), (0, width, 0), (0, 0, height), ID["sign"], uv=uv)


def street_lamp(rng: Rng) -> Mesh:
    """Post with an arm over the road (towards -y)."""
    h, reach = rng.uniform(6, 10), rng.uniform(0.8, 2.5)
    arm = tube((0, 0, h), (0, -reach, h + 0.3), (0.05, 0.04), ID["metal"], sides=6)
    head = box((-0.15, -reach - 0.6, h + 0.2), (0.15, -reach, h + 0.35), ID["metal"])
    return join([_pole(h, rng.uniform(0.06, 0.11)), arm, head])


def sign_post(rng: Rng) -> Mesh:
    """One or two small signs on a thin post."""
    h = rng.uniform(2.2, 3.2)
    size = rng.uniform(0.55, 0.8)
    plates = [_plate(-0.05, 0, h - size, size, size, rng)]
    if rng.random() < 0.4:
        plates.append(_plate(-0.05, 0, h - 1.8 * size, size, 0.6 * size, rng))
    return join([_pole(h, 0.035), *plates])


def traffic_light(rng: Rng) -> Mesh:
    """A signal on a post, sometimes with a second one on an arm over the road (towards -y)."""
    h = rng.uniform(3.0, 3.6)
    parts = [_pole(h + 0.4, 0.07, (0.4, 0.4, 0.4)), *_signal(0, h - 0.6)]
    if rng.random() < 0.5:
        reach, top = rng.uniform(3, 6), rng.uniform(5.2, 6.0)
        parts += [_pole(top, 0.09, (0.4, 0.4, 0.4)), *_signal(-reach, top - 0.5)]
        parts.append(tube((0, 0, top), (0, -reach, top + 0.2), (0.06, 0.05), ID["metal"], sides=6))
    return join(parts)


def _signal(y: float, z: float) -> list[Mesh]:
    case = box((-0.2, y - 0.17, z), (0.05, y + 0.17, z + 1.0), ID["metal"], (0.12, 0.13, 0.12))
    lamp = patch((-0.21, y - 0.1, z + 0.72), (0, 0.2, 0), (0, 0, 0.2), ID["lamp"], (1.6, 0.15, 0.1))
    return [case, lamp]


def gantry(rng: Rng, half_width_m: float) -> Mesh:
    """Signs over the road on a frame, wholly above the lidar's view when near."""
    h, y = rng.uniform(5.2, 6.2), half_width_m + 1.0
    parts = [tube((0, s * y, 0), (0, s * y, h), (0.14, 0.14), ID["metal"]) for s in (-1, 1)]
    parts.append(box((-0.15, -y, h), (0.15, y, h + 0.35), ID["metal"]))
    for centre in np.arange(-y + 2.5, y - 1.5, 4.2):
        parts.append(_plate(-0.2, centre, h - 0.6, rng.uniform(2.5, 3.6), rng.uniform(1.2, 2.0), rng))
    return join(parts)


def bridge(rng: Rng, half_width_m: float) -> Mesh:
    """A road or railway bridge across the street."""
    clear, y, deep = rng.uniform(4.8, 6.0), half_width_m + rng.uniform(2.5, 6.0), rng.uniform(5, 12)
    tint = np.full(3, rng.uniform(0.7, 1.2))
    parts = [patch((0, -45, clear), (deep, 0, 0), (0, 90, 0), ID["concrete"], tint)]
    parts += [patch((x, -45, clear), (0, 90, 0), (0, 0, 1.6), ID["concrete"], tint) for x in (0, deep)]
    parts += [
        box((0, min(s * y, s * (y + 3)), -0.5), (deep, max(s * y, s * (y + 3)), clear), ID["concrete"], tint)
        for s in (-1, 1)
    ]
    rail = [
        tube((0.1, yy, clear + 1.6), (0.1, yy, clear + 2.6), (0.04, 0.04), ID["metal"], sides=5)
        for yy in range(-20, 20, 2)
    ]
    return join(parts + rail)


def wires(rng: Rng, length_m: float, half_width_m: float) -> Mesh:
    """Overhead wires along the street, on cross spans."""
    h = rng.uniform(5.5, 7.0)
    along = [
        tube(
            (0, y, h), (length_m, y, h - 0.1), (0.015, 0.015), ID["metal"], (0.2, 0.2, 0.2), sides=4, rings=8
        )
        for y in (-1.2, 1.6)
    ]
    y = half_width_m + 1.0
    across = tube((0, -y, h + 0.8), (0, y, h + 0.8), (0.012, 0.012), ID["metal"], (0.2, 0.2, 0.2), sides=4)
    posts = [tube((0, s * y, 0), (0, s * y, h + 1.5), (0.12, 0.09), ID["metal"]) for s in (-1, 1)]
    return join([*along, across, *posts])


def billboard(rng: Rng) -> Mesh:
    """An advertising board on legs, facing the driver."""
    z, w, h = rng.uniform(1.0, 3.0), rng.uniform(2.0, 4.0), rng.uniform(1.8, 2.8)
    cell = 0.5 * rng.integers(0, 2, 2)
    uv = cell + np.array([[0.48, 0.02], [0.02, 0.48]])
    legs = [tube((0.1, s * w / 3, 0), (0.1, s * w / 3, z), (0.08, 0.08), ID["metal"]) for s in (-1, 1)]
    back = box((0, -w / 2, z), (0.2, w / 2, z + h), ID["metal"], (0.5, 0.5, 0.5))
    return join([*legs, back, patch((-0.01, -w / 2, z), (0, w, 0), (0, 0, h), ID["poster"], uv=uv)])


def cabinet(rng: Rng) -> Mesh:
    """A grey box, a bin or a post box beside the road."""
    w, d, h = rng.uniform(0.4, 1.3), rng.uniform(0.3, 0.5), rng.uniform(0.8, 1.5)
    tint = rng.choice([0.4, 0.8, 1.2]) * rng.uniform(0.6, 1.2, 3)
    return box((-w / 2, 0, 0), (w / 2, d, h), ID["plaster"], tint)


def bollard(rng: Rng) -> Mesh:
    """A short post."""
    h = rng.uniform(0.7, 1.1)
    light = rng.random() < 0.5
    tint = (1.6, 1.6, 1.6) if light else (0.4, 0.4, 0.4)
    return join([_pole(h, 0.06, tint), disc((0, 0, h), 0.05, ID["metal"])])
