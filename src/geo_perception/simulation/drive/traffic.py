# SPDX-License-Identifier: Apache-2.0
"""Moving vehicles, cyclists and people, placed at a given time as one mesh in world coordinates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from geo_perception.simulation.drive.config import DriveConfig
from geo_perception.simulation.drive.plan import StreetPlan
from geo_perception.simulation.drive.roadside import pick
from geo_perception.simulation.mesh import Mesh, join

LOOP_M = 260.0  # traffic repeats around the car at this distance
BEHIND_M = 50.0


@dataclass(frozen=True)
class Mover:
    """A mover that keeps its lane at constant speed (metres per second, negative: oncoming)."""

    mesh: Mesh
    start_s: float
    y: float
    speed: float


def car_position(plan: StreetPlan, config: DriveConfig, time_s: float) -> float:
    """Compute how far along the street the recording car is, metres; it slows down before a closed end."""
    travelled = config.speed_mps * time_s
    if plan.closed_at is None:
        return travelled
    room = plan.closed_at - 14.0
    return float(room * (1 - np.exp(-travelled / room)))


def draw_movers(plan: StreetPlan) -> list[Mover]:
    """Draw oncoming traffic, vehicles ahead in the car's lane, cyclists and people walking along the street."""
    rng = np.random.default_rng([plan.seed, 4])
    busy = {"forest": 0.5, "open": 0.8, "residential": 0.6, "closed": 0.2}.get(plan.kind, 1.2) * plan.density
    out = [_vehicle(rng, plan, -plan.lane_y, -1) for _ in range(rng.poisson(3.5 * busy))]
    if rng.random() < 0.6 * plan.density and plan.closed_at is None:
        gap = rng.uniform(9, 45)
        for _ in range(int(rng.integers(1, 4))):
            out.append(replace(_vehicle(rng, plan, plan.lane_y, 1), start_s=gap, speed=np.nan))
            gap += rng.uniform(9, 30)
    if plan.half_width > 7 and not plan.parking:
        lane = plan.lane_y - 0.5 * plan.half_width * (1 if rng.random() < 0.5 else -1)
        lane = float(np.clip(lane, 1.4 - plan.half_width, plan.half_width - 1.4))
        direction = 1 if lane < 0 else -1
        out += [_vehicle(rng, plan, lane, direction) for _ in range(rng.poisson(1.5 * busy))]
    if rng.random() < 0.3 * plan.density:
        y = -plan.half_width + 0.6 + (2.2 if plan.parking else 0.0)
        out.append(Mover(pick(rng, plan.others["cyclist"]), rng.uniform(8, 60), y, 4.5))
    return out


def _vehicle(rng: np.random.Generator, plan: StreetPlan, y: float, direction: int) -> Mover:
    kind = str(rng.choice(["car", "lorry", "bus"], p=[0.84, 0.11, 0.05]))
    mesh = pick(rng, plan.cars if kind == "car" else plan.others[kind])
    return Mover(mesh, rng.uniform(0, LOOP_M), y + rng.normal(0, 0.2), direction * rng.uniform(6, 14))


def traffic(plan: StreetPlan, movers: list[Mover], car_s: float, time_s: float, origin_s: float) -> Mesh:
    """Place all movers at `time_s`, in the stretch's world frame. Speed NaN keeps the distance to the car."""
    placed = []
    for m in movers:
        if np.isnan(m.speed):
            s = car_s + m.start_s
        else:
            s = car_s - BEHIND_M + (m.start_s + m.speed * time_s - car_s) % LOOP_M
            s += 0.0 if abs(s - car_s) > 7 or m.y * plan.lane_y < 0 else 16.0
        placed.append(m.mesh.moved(x=s, y=m.y, z=0.03, yaw=np.pi if m.speed < 0 else 0.0))
    mesh = join(placed)
    if not len(mesh.corners):
        return mesh
    return replace(mesh, corners=plan.path.bend(mesh.corners, origin_s))
