# SPDX-License-Identifier: Apache-2.0
"""Floor plans: rooms side by side, the openings between them, and windows and doors to the outside."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from geo_perception.simulation.mesh import Mesh
from geo_perception.simulation.rooms.config import SPACES, RoomConfig
from geo_perception.simulation.rooms.shell import WALL_M, Opening

Rng = np.random.Generator
SIDES = 4  # 0 south (y0), 1 east (x1), 2 north (y1), 3 west (x0)


@dataclass(frozen=True)
class Room:
    """A rectangle on the floor plan, with openings in its walls."""

    index: int
    space: str
    x0: float
    y0: float
    x1: float
    y1: float
    height: float
    openings: tuple[list[Opening], ...] = field(default_factory=lambda: tuple([] for _ in range(SIDES)))

    @property
    def size(self) -> tuple[float, float]:
        """Extent along x and y, metres."""
        return self.x1 - self.x0, self.y1 - self.y0

    def length(self, side: int) -> float:
        """Return the length of a wall, metres."""
        return self.size[side % 2]

    def placed(self, mesh: Mesh, side: int) -> Mesh:
        """Move a mesh from a wall's frame to world coordinates."""
        x, y, yaw = self.frame(side)
        return mesh.moved(x, y, 0, yaw)

    def frame(self, side: int) -> tuple[float, float, float]:
        """Return left end and direction (x, y, yaw) of a wall seen from inside."""
        corner = ((self.x0, self.y0), (self.x1, self.y0), (self.x1, self.y1), (self.x0, self.y1))[side]
        return (*corner, side * np.pi / 2)

    def contains(self, x: float, y: float, margin: float = 0.0) -> bool:
        """Return whether a point lies inside, at least `margin` away from the walls."""
        return self.x0 + margin < x < self.x1 - margin and self.y0 + margin < y < self.y1 - margin


def draw_rooms(rng: Rng, config: RoomConfig) -> list[Room]:
    """Draw rooms joined by open doorways; the first is of the configured space."""
    height = rng.uniform(2.35, 3.0)
    count = int(rng.integers(int(config.rooms[0]), int(config.rooms[1]) + 1))
    space = config.space if config.space != "random" else str(rng.choice(SPACES))
    rooms = [Room(0, space, 0.0, 0.0, *_size(rng, config, space), height)]
    for _ in range(count - 1):
        _attach(rng, config, rooms, height)
    for room in rooms:
        _open_outside(rng, room)
    return rooms


def _size(rng: Rng, config: RoomConfig, space: str) -> tuple[float, float]:
    low, high = config.room_size_m
    if space == "corridor":
        sides = (rng.uniform(1.3, 2.0), rng.uniform(high * 0.8, high * 1.5))
        return sides if rng.random() < 0.5 else (sides[1], sides[0])
    scale = 1.5 if space == "hall" else 1.0
    return rng.uniform(low, high) * scale, rng.uniform(low, high) * scale


def _attach(rng: Rng, config: RoomConfig, rooms: list[Room], height: float) -> None:
    """Add a room beside an existing one, where there is space, with an opening between the two."""
    for _ in range(12):
        host, side = rooms[int(rng.integers(len(rooms)))], int(rng.integers(SIDES))
        space = str(rng.choice(SPACES))
        w, d = _size(rng, config, space)
        slide = rng.uniform(-0.4, 0.4)
        x = {1: host.x1 + WALL_M, 3: host.x0 - WALL_M - w}.get(side, host.x0 + slide * w)
        y = {0: host.y0 - WALL_M - d, 2: host.y1 + WALL_M}.get(side, host.y0 + slide * d)
        new = Room(len(rooms), space, x, y, x + w, y + d, height)
        if not any(_overlap(new, r) for r in rooms) and _connect(rng, host, new, side):
            rooms.append(new)
            return


def _overlap(a: Room, b: Room) -> bool:
    gap = WALL_M - 1e-3
    return a.x0 < b.x1 + gap and b.x0 < a.x1 + gap and a.y0 < b.y1 + gap and b.y0 < a.y1 + gap


def _connect(rng: Rng, host: Room, new: Room, side: int) -> bool:
    """Cut the same doorway into both rooms' walls; False if they touch too little."""
    axis = side % 2
    low = max((host.x0, host.y0)[axis], (new.x0, new.y0)[axis]) + 0.2
    high = min((host.x1, host.y1)[axis], (new.x1, new.y1)[axis]) - 0.2
    width = rng.choice([0.85, 0.95, 1.5, 2.2])
    if high - low < width:
        return False
    start = rng.uniform(low, high - width)
    for room, wall_side in ((host, side), (new, (side + 2) % SIDES)):
        origin = room.frame(wall_side)[axis]
        x0 = start - origin if wall_side in (0, 1) else origin - start - width
        room.openings[wall_side].append(Opening(x0, x0 + width, 0.0, 2.05, "arch"))
    return True


def _open_outside(rng: Rng, room: Room) -> None:
    """Add windows and a closed door to walls without a neighbour."""
    free = [s for s in range(SIDES) if not room.openings[s] and room.length(s) > 1.2]
    rng.shuffle(free)
    for side in free[: int(rng.choice([0, 1, 1, 2], p=[0.12, 0.4, 0.28, 0.2]))]:
        length = room.length(side)
        count = 2 if length > 4 and rng.random() < 0.4 else 1
        z0, z1 = rng.choice([0.0, 0.5, 0.85, 0.95, 1.1]), rng.uniform(1.9, room.height - 0.2)
        for k in range(count):
            share = length / count
            width = min(rng.uniform(0.7, 2.6), share - 0.4)
            x0 = k * share + rng.uniform(0.2, share - width - 0.15)
            room.openings[side].append(Opening(x0, x0 + width, z0, z1, "window"))
    for side in free[-1:]:
        if rng.random() < 0.7 and not room.openings[side]:
            x0 = rng.uniform(0.15, room.length(side) - 1.05)
            room.openings[side].append(Opening(x0, x0 + 0.85, 0.0, 2.03, "door"))
