# SPDX-License-Identifier: Apache-2.0
"""Cars, vans, lorries, buses, bicycles and people, each standing at the origin, facing +x."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from geo_perception.simulation.drive.materials import ID
from geo_perception.simulation.mesh import Mesh, blob, box, disc, join, patch, surface, triangles, tube

Rng = np.random.Generator
Points = list[tuple[float, float]]

# Side views: (share of the length from the rear, share of the height) of bonnet, windscreen, roof, rear window, tail.
_OUTLINES: dict[str, Points] = {
    "hatchback": [(0.0, 0.62), (0.1, 0.95), (0.55, 1.0), (0.74, 0.66), (0.97, 0.55), (1.0, 0.45)],
    "saloon": [(0.0, 0.6), (0.16, 0.66), (0.3, 0.97), (0.55, 1.0), (0.72, 0.66), (0.97, 0.56), (1.0, 0.45)],
    "estate": [(0.0, 0.62), (0.06, 0.95), (0.58, 1.0), (0.75, 0.64), (0.97, 0.55), (1.0, 0.45)],
    "suv": [(0.0, 0.6), (0.06, 0.97), (0.6, 1.0), (0.74, 0.66), (0.97, 0.6), (1.0, 0.45)],
    "van": [(0.0, 0.97), (0.02, 1.0), (0.72, 1.0), (0.86, 0.62), (0.98, 0.5), (1.0, 0.4)],
}
_SIZES = {  # length, width, height in metres
    "hatchback": (3.9, 1.7, 1.48),
    "saloon": (4.6, 1.8, 1.45),
    "estate": (4.7, 1.8, 1.5),
    "suv": (4.6, 1.86, 1.72),
    "van": (5.2, 1.95, 2.3),
}
_PAINTS = (
    (0.05, 0.05, 0.055), (0.2, 0.21, 0.23), (0.5, 0.51, 0.52), (0.9, 0.9, 0.9),
    (0.45, 0.04, 0.04), (0.06, 0.1, 0.3), (0.1, 0.2, 0.14),
)  # fmt: skip


def car(rng: Rng) -> Mesh:
    """A passenger car or van: lofted body, windows, wheels, painted ends."""
    kind = str(rng.choice(list(_OUTLINES), p=[0.28, 0.22, 0.2, 0.16, 0.14]))
    length, width, height = np.array(_SIZES[kind]) * rng.uniform(0.94, 1.06, 3)
    paint = np.array(_PAINTS[rng.integers(len(_PAINTS))]) * rng.uniform(0.8, 1.1)
    outline = [(x * length - length / 2, z * height) for x, z in _OUTLINES[kind]]
    body = _body(outline, width, height, paint, windows_back_to=0.45 if kind == "van" else 0.0)
    ends = _ends(rng, outline, width, paint)
    wheels = [_wheel(x * length, y * width, 0.32) for x in (-0.31, 0.3) for y in (-0.47, 0.47)]
    inside = box(
        (-0.3 * length, -0.36 * width, 0.4 * height),
        (0.15 * length, 0.36 * width, 0.72 * height),
        ID["rubber"],
    )
    return join([body, *ends, *wheels, inside])


def _body(
    outline: Points, width: float, height: float, paint: NDArray[np.float64], windows_back_to: float
) -> Mesh:
    """A loft: at every station a ring from sill over waist, shoulder and roof to the other sill."""
    xs = np.unique(np.concatenate([np.linspace(outline[0][0], outline[-1][0], 22), [p[0] for p in outline]]))
    top = np.interp(xs, [p[0] for p in outline], [p[1] for p in outline])
    waist = np.minimum(0.6 * height, top - 0.02)
    cabin = np.clip((top - waist) / (0.35 * height), 0, 1)
    half = np.full_like(xs, width / 2) * (1 - 0.12 * np.abs(2 * xs / (xs[-1] - xs[0])) ** 6)
    roof = half * (1 - 0.24 * cabin)
    low = 0.2 * np.ones_like(xs)
    ring_y = [half * 0.94, half, half, half * 0.985, roof, roof * 0.9, roof * 0.4]
    ring_z = [low, low + 0.12, 0.6 * waist + 0.1, waist, top - 0.06 * height * cabin, top - 0.015, top + 0.02]
    y = np.stack([*ring_y, *[-v for v in ring_y[::-1]]], 1)
    z = np.stack([*ring_z, *ring_z[::-1]], 1)
    grid = np.stack([np.broadcast_to(xs[:, None], y.shape), y, z], -1)
    return _painted(grid, _window_mask(xs, top, cabin, windows_back_to), paint)


def _window_mask(
    xs: NDArray[np.float64], top: NDArray[np.float64], cabin: NDArray[np.float64], back: float
) -> NDArray[np.bool_]:
    """Mark (stations - 1, 13) quads of glass: the sides of the cabin between pillars, and its sloping ends."""
    length = xs[-1] - xs[0]
    middle = (xs[1:] + xs[:-1]) / 2
    slope = np.abs(np.diff(top) / np.diff(xs))
    inside = np.minimum(cabin[1:], cabin[:-1])
    pillar = np.abs((middle / length - 0.02 + 0.5) % 0.24) < 0.02
    side = (inside > 0.75) & ~pillar & (middle > xs[0] + back * length)
    sloping = (slope > 0.3) & (np.maximum(cabin[1:], cabin[:-1]) > 0.3) & (np.abs(middle) < 0.46 * length)
    mask = np.zeros((len(middle), 13), bool)
    mask[:, [3, 9]] = side[:, None]
    mask[:, 5:8] = sloping[:, None]
    return mask


def _painted(grid: NDArray[np.float64], glass: NDArray[np.bool_], paint: NDArray[np.float64]) -> Mesh:
    body = surface(grid, np.where(glass, ID["glass"], ID["paint"]))
    body.tint[np.repeat(~glass.reshape(-1), 2)] = paint
    return body


def _ends(rng: Rng, outline: Points, width: float, paint: NDArray[np.float64]) -> list[Mesh]:
    """Nose and tail with lamps, grille and number plate (cells of the carface page)."""
    out = []
    for (x, top), row in ((outline[-1], 0.5), (outline[0], 0.0)):
        column = 0.5 * rng.integers(2)
        cell = np.array([[column, row], [column + 0.5, row + 0.5]])
        out.append(
            patch(
                (x, -width * 0.44, 0.2),
                (0, width * 0.88, 0),
                (0, 0, top - 0.2),
                ID["carface"],
                paint * 1.1,
                uv=cell,
            )
        )
    return out


def _wheel(x: float, y: float, radius: float) -> Mesh:
    inner, outer = (x, y * 0.8, radius), (x, y * 1.01, radius)
    return join(
        [tube(inner, outer, (radius, radius), ID["rubber"], sides=14), disc(outer, radius, ID["wheel"])]
    )


def lorry(rng: Rng) -> Mesh:
    """A cab and a box (or a bus) of 3 to 4 metres, taller than the lidar's uppermost beam sees up close."""
    length, height = rng.uniform(6, 11), rng.uniform(3.0, 4.0)
    paint = np.array(_PAINTS[rng.integers(2, len(_PAINTS))])
    cell = 0.5 * rng.integers(0, 2, 2)
    side_uv = np.array([cell + 0.02, cell + 0.48])
    y = 1.23
    parts = [box((-length / 2, -y, 1.0), (length / 2 - 2.2, y, height), ID["paint"], paint)]
    for sign in (-1, 1):
        origin = (-length / 2 + max(sign, 0) * (length - 2.2), sign * (y + 0.01), 1.05)
        parts.append(
            patch(origin, (-sign * (length - 2.2), 0, 0), (0, 0, height - 1.1), ID["poster"], uv=side_uv)
        )
    back = (-length / 2 - 0.01, -y, 1.0)
    rear = "poster" if rng.random() < 0.5 else "paint"
    parts.append(patch(back, (0, 2 * y, 0), (0, 0, height - 1.0), ID[rear], paint, uv=side_uv))
    parts.append(box((length / 2 - 2.0, -1.15, 0.4), (length / 2, 1.15, 2.7), ID["paint"], paint * 0.8))
    parts.append(patch((length / 2 + 0.01, -1.05, 1.5), (0, 2.1, 0), (0, 0, 0.95), ID["glass"]))
    parts.append(box((-length / 2 + 0.3, -0.9, 0.5), (length / 2 - 2, 0.9, 1.0), ID["rubber"]))
    parts += [_wheel(x, s * 1.15, 0.48) for x in (-length / 2 + 1.4, length / 2 - 1.2) for s in (-1, 1)]
    return join(parts)


def bus(rng: Rng) -> Mesh:
    """A city bus or tram car: long glossy bands of glass above plain paint."""
    length, height, y = rng.uniform(11, 20), rng.uniform(2.95, 3.4), 1.25
    paint = np.array(_PAINTS[rng.integers(2, len(_PAINTS))])
    parts = [box((-length / 2, -y, 0.35), (length / 2, y, height), ID["paint"], paint)]
    for sign in (-1, 1):
        for x in np.arange(-length / 2 + 0.4, length / 2 - 1.6, 1.7):
            parts.append(patch((x, sign * (y + 0.01), 1.35), (1.5, 0, 0), (0, 0, 1.15), ID["glass"]))
        end = (sign * (length / 2 + 0.01), -y + 0.1, 1.2)
        parts.append(patch(end, (0, 2 * y - 0.2, 0), (0, 0, 1.4), ID["glass"]))
    return join(parts + [_wheel(x, s * 1.2, 0.48) for x in (-length / 3, length / 3) for s in (-1, 1)])


def person(rng: Rng) -> Mesh:
    """A walking pedestrian, 1.5 to 1.9 m."""
    h = rng.uniform(1.5, 1.9)
    coat, legs = rng.uniform(0.05, 1.3, 3), rng.uniform(0.05, 0.6, 3)
    stride = rng.uniform(0.05, 0.3)
    limbs = [((sx * stride, sy * 0.1, 0.0), (0, sy * 0.09, 0.5 * h)) for sx, sy in ((1, 1), (-1, -1))]
    arms = [((sx * stride, sy * 0.26, 0.45 * h), (0, sy * 0.2, 0.8 * h)) for sx, sy in ((-1, 1), (1, -1))]
    parts = [tube(a, b, (0.06, 0.09), ID["cloth"], legs) for a, b in limbs]
    parts += [tube(a, b, (0.04, 0.06), ID["cloth"], coat) for a, b in arms]
    parts.append(blob((0, 0, 0.66 * h), (0.14, 0.22, 0.2 * h), ID["cloth"], coat))
    parts.append(blob((0, 0, 0.93 * h), (0.1, 0.09, 0.12), ID["cloth"], (0.9, 0.62, 0.5)))
    return join(parts)


def cyclist(rng: Rng) -> Mesh:
    """A person on a bicycle: thin tubes and two open wheels."""
    return join([bicycle(rng), person(rng).moved(x=-0.1, z=0.35, scale=0.85)])


def bicycle(rng: Rng) -> Mesh:
    """A diamond frame of thin tubes on two open wheels."""
    colour = rng.uniform(0.05, 1.0, 3)
    nodes = {
        "rear": (-0.5, 0, 0.34),
        "front": (0.55, 0, 0.34),
        "seat": (-0.22, 0, 0.9),
        "head": (0.4, 0, 0.95),
    }
    pairs = (("rear", "seat"), ("seat", "head"), ("head", "front"), ("rear", "head"))
    frame = [tube(nodes[a], nodes[b], (0.02, 0.02), ID["metal"], colour, sides=5) for a, b in pairs]
    return join([*frame, *(_rim(nodes[k]) for k in ("rear", "front"))])


def _rim(centre: tuple[float, float, float]) -> Mesh:
    angle = np.linspace(0, 2 * np.pi, 17)
    ring = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], -1)
    band = np.stack([0.33 * ring, 0.29 * ring], 1) + np.asarray(centre)
    spokes = np.stack([0 * ring[::2], 0.3 * ring[::2], 0.3 * ring[::2] + (0, 0, 0.012)], 1) + np.asarray(
        centre
    )
    return join([surface(band, ID["rubber"]), triangles(spokes, spokes[..., [0, 2]], ID["metal"], (1, 1, 1))])


BUILDERS: dict[str, Callable[[Rng], Mesh]] = {
    "car": car, "lorry": lorry, "bus": bus, "person": person, "cyclist": cyclist, "bicycle": bicycle,
}  # fmt: skip
