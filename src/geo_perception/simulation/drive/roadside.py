# SPDX-License-Identifier: Apache-2.0
"""Houses, plants and furniture beside the road, for the left side of one chunk; the caller mirrors the right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from geo_perception.simulation.drive import buildings, furniture
from geo_perception.simulation.drive.materials import ID
from geo_perception.simulation.drive.plan import CHUNK_M, StreetPlan
from geo_perception.simulation.drive.vegetation import hedge
from geo_perception.simulation.mesh import Mesh, patch, surface

Rng = np.random.Generator


def build(rng: Rng, plan: StreetPlan, side: int, kind: str) -> list[Mesh]:
    """Houses or plants of `kind`, parked cars, street furniture and people of one side of a chunk."""
    return [
        *KINDS[kind](rng, plan, side),
        *_parked(rng, plan, side),
        *_kerbside(rng, plan, side),
        *_people(rng, plan, side),
    ]


def pick(rng: Rng, options: Sequence[Mesh]) -> Mesh:
    """Draw one of `options`."""
    return options[int(rng.integers(len(options)))]


def _edge(plan: StreetPlan, side: int) -> float:
    """Distance of the pavement's far edge from the centre line."""
    return plan.half_width + 0.3 + plan.pavement[side]


def _on_land(
    plan: StreetPlan, side: int, mesh: Mesh, x: float, y: float, yaw: float = 0.0, scale: float = 1.0
) -> Mesh:
    return mesh.moved(x, y, float(plan.land_z(side, y)), yaw, scale)


def _tree(rng: Rng, plan: StreetPlan, side: int, kind: str, x: float, y: float) -> Mesh:
    tint = rng.uniform(0.75, 1.2) * np.array([rng.uniform(0.8, 1.5), 1.0, rng.uniform(0.7, 1.1)])
    tree = pick(rng, plan.trees[kind]).tinted(tint)
    return _on_land(plan, side, tree, x, y, rng.uniform(0, 6.3), rng.uniform(0.75, 1.3))


def random_house(rng: Rng, width_m: float, plan: StreetPlan) -> Mesh:
    """A house whose style and height fit the street."""
    low, high = (3, 6) if plan.kind == "city" else (1, 4)
    front = str(rng.choice(buildings.FRONTS, p=[0.3, 0.28, 0.14, 0.12, 0.16]))
    return buildings.house(rng, width_m, int(rng.integers(low, high)), front)


def far_row(rng: Rng, plan: StreetPlan, side: int) -> list[Mesh]:
    """Houses and trees well away from the road, as seen across a crossing or a field."""
    out = []
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(-6, CHUNK_M), rng.uniform(30, 75)
        if rng.random() < 0.4:
            out.append(_on_land(plan, side, random_house(rng, rng.uniform(8, 16), plan), x, y))
        else:
            out.append(_tree(rng, plan, side, str(rng.choice(["broadleaf", "conifer"])), x, y))
    return out


def front(rng: Rng, plan: StreetPlan, side: int) -> list[Mesh]:
    """House fronts at the pavement's edge, wall to wall."""
    out, x = [], 0.0
    while x < CHUNK_M - 5:
        width = min(rng.uniform(8, 18), CHUNK_M - x)
        y = _edge(plan, side) + rng.choice([0.0, 0.0, 0.6, 2.5])
        out.append(random_house(rng, width, plan).moved(x, y, 0.1))
        x += width + rng.choice([0.0, 0.0, 0.0, 3.0])
    return out


def garden(rng: Rng, plan: StreetPlan, side: int) -> list[Mesh]:
    """Detached houses behind front gardens with a hedge, wall or fence."""
    edge = _edge(plan, side)
    out = [_boundary(rng, plan, side, edge + 0.3)]
    x = rng.uniform(0, 5)
    while x < CHUNK_M - 8:
        width, y = rng.uniform(8, 14), edge + rng.uniform(3, 9)
        out.append(_on_land(plan, side, random_house(rng, width, plan), x, y))
        x += width + rng.uniform(2, 9)
    for _ in range(rng.poisson(2.5 * plan.density)):
        kind = str(rng.choice(["broadleaf", "conifer", "bush", "bush"]))
        out.append(_tree(rng, plan, side, kind, rng.uniform(0, CHUNK_M), edge + rng.uniform(1.5, 6)))
    return out


def _boundary(rng: Rng, plan: StreetPlan, side: int, y: float) -> Mesh:
    length = CHUNK_M - rng.choice([0.0, 4.0])
    kind = rng.integers(4)
    if kind == 0:
        mesh = hedge(rng, length, rng.uniform(0.8, 2.2), rng.uniform(0.6, 1.2))
    else:
        mesh = (buildings.garden_wall, buildings.fence, buildings.railing)[kind - 1](rng, length)
    return _on_land(plan, side, mesh, 0, y)


def trees(rng: Rng, plan: StreetPlan, side: int) -> list[Mesh]:
    """A row of street trees, with something behind them."""
    edge, pitch = _edge(plan, side), rng.uniform(6, 12)
    y = edge + rng.uniform(0.4, 3.5)
    kind = str(rng.choice(["broadleaf", "broadleaf", "conifer"]))
    row = [
        _tree(rng, plan, side, kind, x + rng.normal(0, 0.5), y)
        for x in np.arange(rng.uniform(0, pitch), CHUNK_M, pitch)
    ]
    return row + (park(rng, plan, side) if rng.random() < 0.5 else far_row(rng, plan, side))


def park(rng: Rng, plan: StreetPlan, side: int) -> list[Mesh]:
    """Loose trees and bushes on grass, a bank of foliage behind."""
    edge, out = _edge(plan, side), []
    for _ in range(rng.poisson(6 * plan.density)):
        kind = str(rng.choice(["broadleaf", "conifer", "bush", "bush"]))
        out.append(_tree(rng, plan, side, kind, rng.uniform(0, CHUNK_M), edge + rng.uniform(2, 30)))
    if rng.random() < 0.5:
        out += [
            _tree(rng, plan, side, "broadleaf", x, edge + rng.uniform(14, 20))
            for x in np.arange(0, CHUNK_M, 4.0)
        ]
    return out + far_row(rng, plan, side)


def hedge_row(rng: Rng, plan: StreetPlan, side: int) -> list[Mesh]:
    """A long hedge or noise barrier close to the road."""
    y = _edge(plan, side) + rng.uniform(0.2, 2.0)
    if rng.random() < 0.6:
        mesh = hedge(rng, CHUNK_M, rng.uniform(1.0, 3.5), rng.uniform(0.8, 1.6))
    else:
        mesh = buildings.garden_wall(rng, CHUNK_M)
    return [_on_land(plan, side, mesh, 0, y), *park(rng, plan, side)]


def field(rng: Rng, plan: StreetPlan, side: int) -> list[Mesh]:
    """Open land: a ragged verge, perhaps a lone tree or a railing."""
    edge = _edge(plan, side)
    out = far_row(rng, plan, side)
    if rng.random() < 0.3:
        out.append(_on_land(plan, side, buildings.railing(rng, CHUNK_M), 0, edge + 0.5))
    for _ in range(rng.poisson(1.5)):
        out.append(_tree(rng, plan, side, "bush", rng.uniform(0, CHUNK_M), edge + rng.uniform(1, 12)))
    return out


def woods(rng: Rng, plan: StreetPlan, side: int) -> list[Mesh]:
    """Dense trunks and undergrowth from a few metres beside the road, dark behind."""
    edge, out = _edge(plan, side) + rng.uniform(1.0, 4.0), []
    for _ in range(13):
        out.append(_tree(rng, plan, side, "forest_tree", rng.uniform(0, CHUNK_M), edge + rng.exponential(7)))
    for _ in range(int(rng.integers(4, 10))):
        kind = str(rng.choice(["bush", "bush", "bush", "broadleaf"]))
        out.append(_tree(rng, plan, side, kind, rng.uniform(0, CHUNK_M), edge + rng.uniform(-0.5, 3)))
    back = edge + rng.uniform(14, 24)
    return [
        *out,
        foliage_wall(rng, CHUNK_M, rng.uniform(9, 16)).moved(0, back, float(plan.land_z(side, back))),
    ]


def foliage_wall(rng: Rng, length_m: float, height_m: float) -> Mesh:
    """A bumpy curtain of distant trees along x."""
    xs = np.arange(0, length_m + 1, 1.0)
    zs = np.linspace(-1, 1, 20)
    grid = np.zeros((len(xs), len(zs), 3))
    tops = height_m * (1 + 0.2 * rng.standard_normal(len(xs)))
    grid[..., 0] = xs[:, None]
    grid[..., 1] = rng.normal(0, 0.6, grid.shape[:2])
    grid[..., 2] = np.where(zs < 0, zs * 2, zs * tops[:, None])
    return surface(grid, ID["treeline"], rng.uniform(0.7, 1.2) * np.ones(3))


def _parked(rng: Rng, plan: StreetPlan, side: int) -> list[Mesh]:
    """Cars along the kerb; on the left of the road (side 0) they face the other way."""
    out = []
    for x in np.arange(3.0, CHUNK_M - 1, 6.1):
        if rng.random() > plan.parking * min(plan.density, 1.3):
            continue
        yaw = np.pi * (side == 0) + rng.normal(0, 0.03)
        lorry = rng.random() < 0.04
        car = pick(rng, plan.others["lorry"] if lorry else plan.cars)
        out.append(
            car.moved(
                x + rng.normal(0, 0.4),
                plan.half_width - (1.4 if lorry else 1.05) + rng.normal(0, 0.08),
                0.0,
                yaw,
            )
        )
    return out


_POSTS: tuple[tuple[Callable[[Rng], Mesh], float], ...] = (
    (furniture.street_lamp, 0.9),
    (furniture.sign_post, 1.0),
    (furniture.cabinet, 0.6),
    (furniture.billboard, 0.1),
    (furniture.traffic_light, 0.12),
)


def _kerbside(rng: Rng, plan: StreetPlan, side: int) -> list[Mesh]:
    """Lamps, signs and cabinets near the kerb, sometimes a row of bollards."""
    share = plan.density * (0.4 if plan.kind in ("forest", "open") else 1.0)
    out = []
    for build_post, mean in _POSTS:
        for _ in range(rng.poisson(mean * share)):
            y = plan.half_width + rng.uniform(0.5, 1.0) + (1.6 if build_post is furniture.billboard else 0.0)
            out.append(build_post(rng).moved(rng.uniform(0, CHUNK_M), y, 0.12))
    if rng.random() < 0.12 * share:
        y = plan.half_width + 0.45
        out += [furniture.bollard(rng).moved(x, y, 0.12) for x in np.arange(0, CHUNK_M, 2.2)]
    if plan.kind in ("arterial", "open", "forest") and rng.random() < 0.5:
        out += [_delineator().moved(x, plan.half_width + 0.6, 0.1) for x in (5.0, 30.0)]
    return out


def _delineator() -> Mesh:
    return patch((0, -0.06, 0), (0, 0.12, 0), (0, 0, 1.0), ID["lamp"], (1.3, 1.3, 1.3))


def _people(rng: Rng, plan: StreetPlan, side: int) -> list[Mesh]:
    out = []
    share = {"city": 1.6, "residential": 0.7, "arterial": 0.4, "closed": 0.7}.get(plan.kind, 0.1)
    for _ in range(rng.poisson(share * plan.density)):
        kind = str(rng.choice(["person", "person", "cyclist", "bicycle"]))
        y = plan.half_width + rng.uniform(0.3, 0.4 + plan.pavement[side])
        out.append(
            pick(rng, plan.others[kind]).moved(rng.uniform(0, CHUNK_M), y, 0.12, rng.choice([0, np.pi]))
        )
    return out


KINDS: dict[str, Callable[[Rng, StreetPlan, int], list[Mesh]]] = {
    "front": front, "garden": garden, "trees": trees, "park": park, "hedge": hedge_row, "field": field, "forest": woods,
}  # fmt: skip
