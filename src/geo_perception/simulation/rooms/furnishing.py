# SPDX-License-Identifier: Apache-2.0
"""Placement of furniture in rooms and of small objects on furniture."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from geo_perception.simulation.mesh import Mesh, join
from geo_perception.simulation.rooms import furniture, kitchens_and_shelves, seating, small_objects
from geo_perception.simulation.rooms.config import RoomConfig
from geo_perception.simulation.rooms.furniture import Maker
from geo_perception.simulation.rooms.materials import Palette
from geo_perception.simulation.rooms.plan import Room
from geo_perception.simulation.rooms.shapes import Glow, Piece, Top, rod, slab

Rng = np.random.Generator
BOOK_DENSITY = 0.85  # of shelf boards that hold books, the share that is filled, at clutter 1


@dataclass
class Placed:
    """A piece of furniture placed in a room."""

    piece: Piece
    x: float
    y: float
    yaw: float
    mesh: Mesh = field(init=False)

    def __post_init__(self) -> None:
        self.mesh = self.piece.mesh.moved(self.x, self.y, 0, self.yaw)

    def world(self, x: float, y: float) -> tuple[float, float]:
        """Transform a point from the piece's floor plan to the room."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return self.x + c * x - s * y, self.y + s * x + c * y

    def bounds(self) -> tuple[float, float, float, float]:
        """Compute x0, y0, x1, y1 of the footprint."""
        half = self.piece.width / 2
        corners = np.array([self.world(x, y) for x in (-half, half) for y in (0.0, self.piece.depth)])
        (x0, y0), (x1, y1) = corners.min(0), corners.max(0)
        return float(x0), float(y0), float(x1), float(y1)


def furnish(rng: Rng, p: Palette, config: RoomConfig, room: Room) -> list[Placed]:
    """Draw everything that stands in a room."""
    out: list[Placed] = []
    for side in range(4):
        _along_wall(rng, p, config, room, side, out)
    _in_the_middle(rng, p, config, room, out)
    count = rng.poisson(2.5 * config.clutter)
    for _ in range(count):
        make = small_objects.FLOOR[int(rng.integers(len(small_objects.FLOOR)))]
        mesh = make(rng, p).moved(scale=rng.uniform(1.0, 1.6))
        size = float(np.abs(mesh.corners[..., :2]).max())
        _try(
            room,
            Placed(Piece(mesh.moved(0, size), 2 * size, 2 * size, 0.3), *_spot(rng, room), rng.uniform(0, 6)),
            out,
        )
    return out


def _draw(rng: Rng, weights: dict[Maker, float]) -> Maker:
    share = np.array(list(weights.values()))
    return list(weights)[int(rng.choice(len(share), p=share / share.sum()))]


def _spot(rng: Rng, room: Room) -> tuple[float, float]:
    return float(rng.uniform(room.x0 + 0.2, room.x1 - 0.2)), float(rng.uniform(room.y0 + 0.2, room.y1 - 0.2))


def _try(room: Room, item: Placed, out: list[Placed], gap: float = 0.02) -> bool:
    """Append `item` to `out` if it fits into the room and touches nothing; return whether it did."""
    x0, y0, x1, y1 = item.bounds()
    if x0 < room.x0 - 1e-6 or y0 < room.y0 - 1e-6 or x1 > room.x1 + 1e-6 or y1 > room.y1 + 1e-6:
        return False
    for other in out:
        a0, b0, a1, b1 = other.bounds()
        if x0 < a1 + gap and a0 < x1 + gap and y0 < b1 + gap and b0 < y1 + gap:
            return False
    out.append(item)
    return True


def _along_wall(rng: Rng, p: Palette, config: RoomConfig, room: Room, side: int, out: list[Placed]) -> None:
    length, (ox, oy, yaw) = room.length(side), room.frame(side)
    x = rng.uniform(0.02, 0.5)
    while x < length - 0.35:
        if rng.random() > 0.75 * config.furniture:
            x += rng.uniform(0.3, 1.2)
            continue
        make = _draw(rng, furniture.ALONG[room.space])
        piece = make(rng, p)
        if make in furniture.BELOW_SHELVES and rng.random() < 0.3 * min(config.clutter, 2.0):
            piece = kitchens_and_shelves.below_shelves(rng, p, piece)
        if x + piece.width > length or _blocked(room, side, x, x + piece.width, piece.height):
            x += 0.35
            continue
        middle, off = x + piece.width / 2, rng.uniform(0.005, 0.05)
        c, s = np.cos(yaw), np.sin(yaw)
        item = Placed(
            loaded(rng, p, config, piece), ox + c * middle - s * off, oy + s * middle + c * off, yaw
        )
        if _try(room, item, out):
            _seat(rng, p, config, room, item, out)
            x += piece.width
        x += rng.uniform(0.02, 0.7)


def _blocked(room: Room, side: int, x0: float, x1: float, height: float) -> bool:
    """Return whether a piece would block a door or hide a window."""
    for o in room.openings[side]:
        wide = 0.15 if o.kind != "window" else 0.0
        if x0 < o.x1 + wide and o.x0 - wide < x1 and (o.kind != "window" or height > o.z0 + 0.25):
            return True
    return False


def _in_the_middle(rng: Rng, p: Palette, config: RoomConfig, room: Room, out: list[Placed]) -> None:
    weights = furniture.MIDDLE[room.space]
    area = room.size[0] * room.size[1]
    for _ in range(rng.poisson(0.16 * area * config.furniture) if weights else 0):
        piece = loaded(rng, p, config, _draw(rng, weights)(rng, p))
        yaw = int(rng.integers(4)) * np.pi / 2 + rng.normal(0, 0.08)
        for _ in range(6):
            item = Placed(piece, *_spot(rng, room), yaw)
            if _try(room, item, out, 0.3):
                _seat(rng, p, config, room, item, out)
                break


def _seat(rng: Rng, p: Palette, config: RoomConfig, room: Room, item: Placed, out: list[Placed]) -> None:
    """Place chairs at the open sides of a table."""
    if not any(t.kind == "desk" for t in item.piece.tops) and not 0.65 < item.piece.height < 0.8:
        return
    if item.piece.depth > 1.0 or rng.random() > 0.85 * config.furniture:
        return
    make = seating.office_chair if item.piece.tops and item.piece.tops[0].kind == "desk" else seating.chair
    state = rng.bit_generator.state
    for x in np.arange(-item.piece.width / 2 + 0.35, item.piece.width / 2 - 0.2, 0.65):
        for away, turn in ((item.piece.depth, np.pi), (0.0, 0.0)):
            rng.bit_generator.state = {**state}  # the chairs of a table are alike
            chair = loaded(rng, p, config, make(rng, p), 0.15)
            state_after = rng.bit_generator.state
            shift = rng.uniform(-0.1, 0.35) + float(abs(np.sin(7.3 * (x + 3 * away)))) * 0.25
            y = away + (shift + chair.depth if turn else -shift - chair.depth)
            px, py = item.world(float(x), float(y))
            _try_chair(room, Placed(chair, px, py, item.yaw + turn + 0.5 * np.sin(9.1 * x + away)), out, item)
            rng.bit_generator.state = state_after


def _try_chair(room: Room, chair: Placed, out: list[Placed], table: Placed) -> None:
    """Append a chair if it reaches under its own table at most, and into nothing else."""
    others = [o for o in out if o is not table]
    if _try(room, chair, others):
        out.append(chair)


def loaded(rng: Rng, p: Palette, config: RoomConfig, piece: Piece, share: float = 1.0) -> Piece:
    """Return the piece with small objects on it."""
    meshes, glows = [piece.mesh], list(piece.glows)
    for top in piece.tops:
        if top.kind == "books":
            meshes += book_row(rng, p, config, top)
        else:
            more, lamps = scatter(rng, p, config, top, share)
            meshes += more
            glows += lamps
    for k, glow in enumerate(glows):
        if glow.coat is None:
            coat = p.emitter("plain", 4.0, np.array([1.0, 0.85, 0.65], np.float32))
            meshes.append(_shade(glow, coat))
            glows[k] = Glow(glow.place, glow.radius, glow.strength, coat)
    return Piece(join(meshes), piece.width, piece.depth, piece.height, piece.tops, tuple(glows))


def _shade(glow: Glow, coat: tuple[int, NDArray[np.float32]]) -> Mesh:
    x, y, z = glow.place
    r = glow.radius
    return small_objects.turned(np.array([[r, -r], [0.7 * r, r * 0.6]]), coat, 14).moved(x, y, z)


def scatter(
    rng: Rng, p: Palette, config: RoomConfig, top: Top, share: float
) -> tuple[list[Mesh], list[Glow]]:
    """Place small objects on a surface without overlap, and perhaps a lamp."""
    w, d = top.high[0] - top.low[0], top.high[1] - top.low[1]
    makers = small_objects.ON.get(top.kind, small_objects.COMMON)
    density = {"desk": 16.0, "bed": 1.5}.get(top.kind, 14.0) * share * config.clutter * rng.uniform(0.2, 1.8)
    meshes: list[Mesh] = []
    glows: list[Glow] = []
    taken: list[tuple[float, float, float]] = []
    if top.kind == "desk" and rng.random() < min(1.0, 0.85 * config.clutter):
        x = rng.uniform(-0.5, 0.5) * max(w - 0.7, 0)
        meshes.append(small_objects.monitor(rng, p).moved(x, 0.16, top.z, rng.normal(0, 0.12)))
        meshes.append(small_objects.keyboard(rng, p).moved(x, 0.42, top.z, rng.normal(0, 0.1)))
        taken += [(x, 0.16, 0.3), (x, 0.42, 0.2)]
    if top.headroom > 0.5 and top.kind != "bed" and rng.random() < 0.13 * min(config.clutter, 1.5):
        x, y = (
            rng.uniform(top.low[0] + 0.15, max(top.high[0] - 0.15, top.low[0] + 0.16)),
            top.low[1] + d * 0.4,
        )
        if all((x - a) ** 2 + (y - b) ** 2 > (0.15 + r) ** 2 for a, b, r in taken):
            meshes.append(
                rod((x, y, top.z), (x, y, top.z + 0.25), (0.05, 0.015), p.of("ceramic", p.accent(rng)))
            )
            glows.append(Glow((x, y, top.z + 0.33), rng.uniform(0.08, 0.15), 0.3))
            taken.append((x, y, 0.12))
    for _ in range(rng.poisson(density * w * d)):
        mesh = makers[int(rng.integers(len(makers)))](rng, p)
        yaw = rng.normal(0, 0.5)
        mesh = mesh.moved(yaw=yaw)
        extent = np.abs(mesh.corners[..., :2]).max((0, 1))
        if float(mesh.corners[..., 2].max()) > top.headroom or (2 * extent > (w, d)).any():
            continue
        x = rng.uniform(top.low[0] + extent[0], top.high[0] - extent[0])
        y = rng.uniform(top.low[1] + extent[1], top.high[1] - extent[1])
        r = float(extent.max()) * 0.85
        if all((x - a) ** 2 + (y - b) ** 2 > (r + c) ** 2 for a, b, c in taken):
            taken.append((x, y, r))
            meshes.append(mesh.moved(x, y, top.z + 0.001))
    return meshes, glows


def book_row(rng: Rng, p: Palette, config: RoomConfig, top: Top) -> list[Mesh]:
    """Fill a board with books, folders and gaps from left to right, spines towards the room."""
    out, x = [], top.low[0] + 0.01
    series = p.accent(rng)
    while x < top.high[0] - 0.03:
        if rng.random() > min(BOOK_DENSITY * config.clutter, 0.97):
            x += rng.uniform(0.05, 0.3)
            continue
        if rng.random() < 0.08:
            series = p.accent(rng)
        wide = rng.uniform(0.012, 0.055)
        high = min(rng.uniform(0.17, 0.31), top.headroom)
        deep = min(rng.uniform(0.13, 0.24), top.high[1] - top.low[1] - 0.01)
        if x + wide > top.high[0]:
            break
        tint = series if rng.random() < 0.4 else p.accent(rng)
        y = top.high[1] - rng.uniform(0.0, 0.04) - deep
        coat = p.of("plastic", tint)
        block = slab((x, y, top.z), (x + wide, y + deep, top.z + high), coat, 1.0)
        out.append(block)
        if wide > 0.02 and rng.random() < 0.7:
            z0, z1 = sorted(rng.uniform(0.1, 0.95, 2) * high)
            paint = p.of("plain", p.accent(rng))
            out.append(
                slab(
                    (x + 0.002, y + deep, top.z + z0),
                    (x + wide - 0.002, y + deep + 0.001, top.z + z1),
                    paint,
                    1.0,
                )
            )
        x += wide + rng.uniform(0, 0.002)
    return out
