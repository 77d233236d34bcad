# SPDX-License-Identifier: Apache-2.0
"""Layout of one chunk of street, in street coordinates: ground, both sides and what stands on the road."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from geo_perception.simulation.drive import furniture, roadside
from geo_perception.simulation.drive.materials import ID
from geo_perception.simulation.drive.plan import CHUNK_M, SIDES, StreetPlan
from geo_perception.simulation.mesh import Mesh, join, patch, surface

Rng = np.random.Generator
LAND_Y = np.array([0.0, 1.5, 4, 8, 14, 22, 35, 60, 110])  # rows of the land's grid, beyond the pavement


def build_chunk(plan: StreetPlan, index: int) -> Mesh:
    """Build everything static between s = index * CHUNK_M and the next chunk; empty past a closed end."""
    start = index * CHUNK_M
    if plan.closed_at is not None and start > plan.closed_at:
        return join([])
    rng = np.random.default_rng([plan.seed, 2, index + 1000])
    if index > 0 and rng.random() < plan.crossing_share and not _closes(plan, index):
        return join(_crossing(rng, plan)).moved(x=start)
    parts = [*_road(rng, plan), *_overhead(rng, plan)]
    for side in (0, 1):
        half = [*_ground(rng, plan, side), *roadside.build(rng, plan, side, _side_kind(rng, plan))]
        parts.append(_mirrored(join(half)) if side else join(half))
    if _closes(plan, index):
        parts += _closing_house(rng, plan, float(plan.closed_at or 0) - start)
    return join(parts).moved(x=start)


def _closes(plan: StreetPlan, index: int) -> bool:
    return plan.closed_at is not None and index == int(plan.closed_at // CHUNK_M)


def _side_kind(rng: Rng, plan: StreetPlan) -> str:
    weights = np.array(list(SIDES[plan.kind].values()), float)
    return str(rng.choice(list(SIDES[plan.kind]), p=weights / weights.sum()))


def _mirrored(mesh: Mesh) -> Mesh:
    """Mirror the left side's mesh to the right of the road, with writing still readable."""
    uv = mesh.uv.copy()
    for name, cell in (("sign", 0.25), ("poster", 0.5)):
        rows = mesh.material == ID[name]
        first = np.floor(uv[rows, :, 0].mean(1, keepdims=True) / cell) * cell
        uv[rows, :, 0] = 2 * first + cell - uv[rows, :, 0]
    return replace(mesh, corners=mesh.corners * np.array([1, -1, 1], np.float32), uv=uv)


def _road(rng: Rng, plan: StreetPlan) -> list[Mesh]:
    """Carriageway with a little crown, lane markings and repairs."""
    ys = np.linspace(-plan.half_width, plan.half_width, 9)
    xs = np.arange(0, CHUNK_M + 1, 2.0)
    grid = np.zeros((len(xs), len(ys), 3))
    grid[..., 0], grid[..., 1] = xs[:, None], ys
    grid[..., 2] = 0.05 * (1 - (ys / plan.half_width) ** 2)
    shade = np.random.default_rng([plan.seed, 5]).uniform(0.6, 1.5)
    parts = [surface(grid, ID["asphalt"], np.full(3, shade)), *_markings(plan)]
    for _ in range(rng.poisson(1.2)):
        x, y = rng.uniform(0, CHUNK_M - 6), rng.uniform(-0.8, 0.6) * plan.half_width
        size = (rng.uniform(0.8, 6), rng.uniform(0.5, 1.8))
        parts.append(_paint(plan, x, y, size, "asphalt", shade * rng.choice([0.6, 0.75, 1.3])))
    return parts


def _markings(plan: StreetPlan) -> list[Mesh]:
    """Dashed centre and lane lines, solid edges on wide roads."""
    rng = np.random.default_rng([plan.seed, 6])
    if plan.kind in ("residential", "closed") and rng.random() < 0.6:
        return []
    lines = [0.0] if plan.half_width < 6 or plan.parking else [-plan.half_width / 2, 0.0, plan.half_width / 2]
    dash, gap = rng.choice([3.0, 6.0]), rng.choice([3.0, 6.0, 10.0])
    shade = rng.uniform(0.9, 1.4)
    xs = np.arange(0, CHUNK_M - dash, dash + gap)
    parts = [_paint(plan, x, y, (dash, 0.13), "marking", shade) for y in lines for x in xs]
    if plan.kind in ("arterial", "open", "forest"):
        edge = plan.half_width - 0.35
        parts += [_paint(plan, 0, y, (CHUNK_M, 0.13), "marking", shade) for y in (-edge, edge)]
    return parts


def _paint(
    plan: StreetPlan, x: float, y: float, size: tuple[float, float], material: str, shade: float
) -> Mesh:
    """A rectangle lying 8 mm above the road's crown."""
    flat = patch((x, y, 0.008), (size[0], 0, 0), (0, size[1], 0), ID[material], np.full(3, shade), step_m=1.0)
    crown = 0.05 * (1 - (flat.corners[..., 1] / plan.half_width) ** 2)
    flat.corners[..., 2] += np.maximum(crown, 0)
    return flat


def _ground(rng: Rng, plan: StreetPlan, side: int) -> list[Mesh]:
    """Kerb, pavement and the land behind it (left side)."""
    edge, width = plan.half_width, plan.pavement[side]
    parts = [
        patch((0, edge, 0.0), (CHUNK_M, 0, 0), (0, 0.02, 0.12), ID["kerb"], step_m=2.0),
        patch((0, edge + 0.02, 0.12), (CHUNK_M, 0, 0), (0, 0.14, 0), ID["kerb"], (1.1, 1.1, 1.1), step_m=2.0),
        patch((0, edge + 0.16, 0.12), (CHUNK_M, 0, 0), (0, width + 0.2, 0), ID["pavement"], step_m=2.0),
    ]
    ys = edge + 0.3 + width + LAND_Y
    xs = np.arange(0, CHUNK_M + 1, 2.0)
    grid = np.zeros((len(xs), len(ys), 3))
    grid[..., 0], grid[..., 1], grid[..., 2] = xs[:, None], ys, plan.land_z(side, ys)
    material = "pavement" if plan.kind == "city" else str(rng.choice(["grass", "grass", "soil"]))
    return [*parts, surface(grid, ID[material], np.full(3, rng.uniform(0.8, 1.25)))]


def _overhead(rng: Rng, plan: StreetPlan) -> list[Mesh]:
    """Draw gantries, bridges and wires over the road, mostly none."""
    parts = []
    if rng.random() < 0.06 * plan.density and plan.kind in ("arterial", "open", "city"):
        parts.append(furniture.gantry(rng, plan.half_width).moved(x=rng.uniform(0, CHUNK_M)))
    if rng.random() < 0.02 * plan.density and plan.kind != "closed":
        parts.append(furniture.bridge(rng, plan.half_width).moved(x=rng.uniform(0, 15)))
    if plan.seed % 4 == 0 and plan.kind in ("city", "arterial"):
        parts.append(furniture.wires(rng, CHUNK_M, plan.half_width))
    return parts


def _crossing(rng: Rng, plan: StreetPlan) -> list[Mesh]:
    """Crossroads: asphalt to both sides, waiting and crossing cars, lights, islands, houses at the corners."""
    shade = np.random.default_rng([plan.seed, 5]).uniform(0.6, 1.5)
    middle = CHUNK_M / 2
    parts = [patch((0, -70, 0), (CHUNK_M, 0, 0), (0, 140, 0), ID["asphalt"], np.full(3, shade), step_m=3.0)]
    for y in (-plan.half_width - 4, plan.half_width + 1):
        parts += [_paint(plan, x, y, (0.5, 3.0), "marking", 1.2) for x in np.arange(2, CHUNK_M - 2, 1.0)]
    for _ in range(rng.poisson(4 * plan.density)):
        lane = rng.choice([-1, 1])
        y = rng.choice([-1, 1]) * rng.uniform(plan.half_width + 2, 55)
        yaw = lane * np.pi / 2 + rng.normal(0, 0.1)
        parts.append(roadside.pick(rng, plan.cars).moved(middle + lane * 2.2 + rng.normal(0, 0.3), y, 0, yaw))
    for x, y in ((3.0, -1), (CHUNK_M - 3.0, 1), (CHUNK_M - 3.0, -1)):
        posts = (furniture.traffic_light, furniture.sign_post, furniture.street_lamp)
        post = posts[int(rng.integers(len(posts)))](rng)
        place = post.moved(x=x + rng.normal(0, 1))
        place.corners[..., 1] += plan.half_width + 1.0
        parts.append(_mirrored(place) if y < 0 else place)
    for side in (0, 1):
        corner = join(roadside.far_row(rng, plan, side))
        parts.append(_mirrored(corner) if side else corner)
    return parts


def _closing_house(rng: Rng, plan: StreetPlan, x: float) -> list[Mesh]:
    """A row of houses across the road's end."""
    parts = []
    for y in (-26.0, -8.0, 10.0):
        house = roadside.random_house(rng, 18.0, plan).moved(yaw=-np.pi / 2, x=x + 1.5, y=y + 18.0)
        parts.append(house)
    ground = patch((x - 8, -30, 0.06), (30, 0, 0), (0, 60, 0), ID["asphalt"], step_m=3.0)
    return [*parts, ground]
