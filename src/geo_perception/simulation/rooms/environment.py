# SPDX-License-Identifier: Apache-2.0
"""One environment: its rooms as lit triangles, ready for ray casting from any number of viewpoints."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.simulation.casting import Caster, Surfaces
from geo_perception.simulation.mesh import Mesh, blob, join
from geo_perception.simulation.rooms import shell
from geo_perception.simulation.rooms.config import RoomConfig
from geo_perception.simulation.rooms.daylight import Daylight
from geo_perception.simulation.rooms.furnishing import Placed, furnish
from geo_perception.simulation.rooms.lamps import Lamp, Sun, warmth
from geo_perception.simulation.rooms.light_samples import Corners
from geo_perception.simulation.rooms.lighting import bake
from geo_perception.simulation.rooms.materials import Palette
from geo_perception.simulation.rooms.plan import SIDES, Room, draw_rooms
from geo_perception.simulation.rooms.shapes import panel, slab
from geo_perception.simulation.rooms.surface_attributes import SurfaceAttributes

Rng = np.random.Generator
THREADS = 1  # several processes write a set; more threads in each would only wait for one another


@dataclass(frozen=True)
class Environment:
    """Everything that stays the same from view to view."""

    rooms: list[Room]
    furniture: list[list[Placed]]  # per room
    caster: Caster
    occluders: Caster  # without panes and lampshades, which let light through
    surfaces: Surfaces
    looks: SurfaceAttributes
    sunny: NDArray[np.bool_]  # (T,) the sun reaches at least one corner
    kind: NDArray[np.int16]  # (T,) differs where material or main orientation do
    palette: Palette
    sun: Sun | None


def build(seed: int, config: RoomConfig) -> Environment:
    """Build and light the environment of a seed."""
    rng = np.random.default_rng([seed, 41])
    palette = Palette(rng, config)
    rooms = draw_rooms(rng, config)
    day = Daylight.draw(rng, config)
    solid: list[Mesh] = []
    clear: list[Mesh] = []
    lamps: list[Lamp] = []
    furniture = []
    for room in rooms:
        solid.append(_shell(rng, palette, config, room))
        clear.append(_windows(rng, palette, room, day, lamps))
        placed = furnish(rng, palette, config, room)
        furniture.append(placed)
        solid += [item.mesh for item in placed]
        clear.append(_lights(rng, palette, config, room, placed, day, lamps))
    return _finish(rooms, furniture, palette, join(solid), join(clear), lamps, day.sun)


def _finish(
    rooms: list[Room],
    furniture: list[list[Placed]],
    palette: Palette,
    solid: Mesh,
    clear: Mesh,
    lamps: list[Lamp],
    sun: Sun | None,
) -> Environment:
    table, means = palette.table(), palette.means()
    shaded = table["emit"][solid.material] > 1.5  # lampshades of furniture: they glow and cast no shadow
    occluders = Caster([replace_rows(solid, ~shaded)], THREADS)
    mesh = join([solid, clear])
    caster = Caster([mesh], THREADS)
    loose = [k for name, k in palette.id.items() if name.startswith(("fabric", "leaf"))]
    surfaces = face_the_open(Surfaces.of(mesh), mesh, caster, np.isin(mesh.material, loose))
    albedo = np.clip(means[mesh.material] * mesh.tint, 0, 0.9) * (table["emit"][mesh.material] == 0)[:, None]
    places = Corners.of(mesh.corners, surfaces.normal)
    light = bake(places, caster, occluders, np.ascontiguousarray(albedo.T, np.float32), lamps, sun)
    looks = SurfaceAttributes.of(mesh, surfaces, light.irradiance, table, means)
    kind = (3 * mesh.material + np.abs(surfaces.normal).argmax(1)).astype(np.int16)
    return Environment(rooms, furniture, caster, occluders, surfaces, looks, light.sunny, kind, palette, sun)


def replace_rows(mesh: Mesh, keep: NDArray[np.bool_]) -> Mesh:
    """Select the triangles of a mesh where `keep` is set."""
    return Mesh(mesh.corners[keep], mesh.uv[keep], mesh.material[keep], mesh.tint[keep])


def face_the_open(surfaces: Surfaces, mesh: Mesh, caster: Caster, asked: NDArray[np.bool_]) -> Surfaces:
    """Turn the normals of the triangles `asked` to the side with more free space."""
    rows = np.flatnonzero(asked)
    normal, centre = surfaces.normal[rows], mesh.corners[rows].mean(1)
    ways = []
    for sign in (1.0, -1.0):
        hits = caster.cast(centre + np.float32(sign * 2e-3) * normal, np.float32(sign) * normal)
        ways.append(np.where(np.isfinite(hits.distance), hits.distance, 0.0))
    turned = surfaces.normal.copy()
    turned[rows[ways[1] > ways[0]]] *= -1
    return replace(surfaces, normal=turned)


def _shell(rng: Rng, p: Palette, config: RoomConfig, room: Room) -> Mesh:
    """Build floor, ceiling, walls and what hangs on them."""
    w, d = room.size
    k = room.index
    floor, ceiling = p.of(f"floor{k}"), p.of("ceiling")
    parts = [
        panel((room.x0, room.y0, 0), (w, 0, 0), (0, d, 0), floor, shell.FLOOR_STEP),
        panel((room.x0, room.y0, room.height), (0, d, 0), (w, 0, 0), ceiling, shell.CEILING_STEP),
    ]
    board = p.of("trim")
    for side in range(SIDES):
        openings, length = room.openings[side], room.length(side)
        walls = [
            shell.wall(length, room.height, openings, p.of(f"wall{k}")),
            shell.skirting(length, openings, board),
        ]
        walls += [_opening(rng, p, o) for o in openings]
        walls += _hangings(rng, p, config, room, side)
        parts += [room.placed(m, side) for m in walls]
    for _ in range(rng.poisson(0.5 * config.pictures)):
        size = rng.uniform(0.8, min(2.6, w, d), 2)
        x = rng.uniform(room.x0 + size[0] / 2, room.x1 - size[0] / 2)
        y = rng.uniform(room.y0 + size[1] / 2, room.y1 - size[1] / 2)
        parts.append(shell.rug(rng, p, x, y, *size))
    return join(parts)


def _opening(rng: Rng, p: Palette, o: shell.Opening) -> Mesh:
    if o.kind == "window":
        return shell.window(rng, p, o)
    if o.kind == "door":
        return shell.door(rng, p, o)
    parts = [shell.reveal(o, shell.WALL_M, p.of("trim")), shell.casing(o, p.of("trim"))]
    if o.x1 - o.x0 < 1.0 and rng.random() < 0.4:
        parts.append(shell.open_leaf(rng, p, o))
    return join(parts)


def _hangings(rng: Rng, p: Palette, config: RoomConfig, room: Room, side: int) -> list[Mesh]:
    """Place pictures, boards, switches and shelves on one wall, clear of its openings."""
    out: list[Mesh] = []
    taken = [(o.x0 - 0.15, o.x1 + 0.15) for o in room.openings[side]]
    for _ in range(rng.poisson(0.55 * config.pictures * room.length(side))):
        w, h = rng.uniform(0.2, 1.0), rng.uniform(0.2, 0.85)
        x = rng.uniform(0, room.length(side))
        if x - w / 2 < 0.1 or x + w / 2 > room.length(side) - 0.1:
            continue
        if any(x - w / 2 - 0.05 < b and a < x + w / 2 + 0.05 for a, b in taken):
            continue
        taken.append((x - w / 2, x + w / 2))
        z = rng.uniform(1.3, 1.75)
        board = rng.random() < (0.5 if room.space in ("office", "kitchen") else 0.1)
        out.append(shell.notice_board(rng, p, x, z) if board else shell.picture(rng, p, x, z, w, h))
    for _ in range(int(rng.integers(0, 3))):
        x = rng.uniform(0.1, room.length(side) - 0.3)
        if not any(a < x + 0.2 and x < b for a, b in taken):
            out.append(shell.fittings(rng, p, x))
    return out


def _windows(rng: Rng, p: Palette, room: Room, day: Daylight, lamps: list[Lamp]) -> Mesh:
    """Build glowing panes, and append the light that comes in through them to `lamps`."""
    panes = []
    for side in range(SIDES):
        for o in room.openings[side]:
            if o.kind == "window":
                coat = p.emitter(f"outdoors{rng.integers(2)}", day.radiance, day.colour)
                panes.append(room.placed(shell.pane(o, coat), side))
                lamps.append(day.window_light(room, side, o))
    return join(panes)


def _lights(
    rng: Rng,
    p: Palette,
    config: RoomConfig,
    room: Room,
    placed: list[Placed],
    day: Daylight,
    lamps: list[Lamp],
) -> Mesh:
    """Build ceiling lamps, and append all lamps' light to `lamps`. A room without windows is never left dark."""
    dark = not any(o.kind == "window" for side in room.openings for o in side) or day.radiance < 0.5
    on = dark or rng.random() < 0.6
    kelvin = day.kelvin(rng, config)
    parts = []
    w, d = room.size
    office = room.space in ("office", "hall", "corridor") and rng.random() < 0.7
    columns, rows = (max(1, round(s / 2.2)) for s in (w, d)) if office else (1, 1)
    strength = rng.uniform(1.6, 4.0) * (w * d / 16) ** 0.6 / (columns * rows) ** 0.7
    form = rng.integers(3)
    for i in range(columns):
        for j in range(rows):
            x, y = room.x0 + w * (i + 0.5) / columns, room.y0 + d * (j + 0.5) / rows
            colour = warmth(kelvin)
            coat = p.emitter("plain", 6.0 if on else 0.0, colour if on else np.full(3, 0.9, np.float32))
            mesh, samples = _fixture(rng, p, office, int(form), x, y, room.height, coat)
            parts.append(mesh)
            if on:
                lamps.append(Lamp(samples, colour * np.float32(strength), reach_m=9.0))
    for item in placed:
        for glow in item.piece.glows:
            x, y = item.world(glow.place[0], glow.place[1])
            spread = np.array([[0, 0, 0.0], [0.5, 0, 0], [-0.5, 0, 0]]) * glow.radius
            power = warmth(rng.uniform(2500, 3500)) * np.float32(glow.strength * rng.uniform(0.5, 1.5))
            place = (np.array([x, y, glow.place[2]]) + spread).astype(np.float32)
            lamps.append(Lamp(place, power, reach_m=5.0))
    return join(parts)


def _fixture(
    rng: Rng, p: Palette, office: bool, form: int, x: float, y: float, top: float, coat: tuple[int, Array]
) -> tuple[Mesh, Array]:
    """A ceiling lamp: panel, globe on a rod, or flat dome. Returns its mesh and light samples."""
    if office:
        mesh = slab((x - 0.3, y - 0.3, top - 0.03), (x + 0.3, y + 0.3, top - 0.001), coat, 1.0, bottom=True)
        offsets = np.array([[a, b, -0.05] for a in (-0.2, 0.2) for b in (-0.2, 0.2)])
    elif form == 0:
        drop, r = rng.uniform(0.3, 0.7), rng.uniform(0.1, 0.2)
        rod = slab(
            (x - 0.008, y - 0.008, top - drop), (x + 0.008, y + 0.008, top), p.of("plastic", 0.05), 1.0
        )
        mesh = join([rod, blob((x, y, top - drop), (r, r, r * 0.8), *coat)])
        offsets = np.array([[0.1, 0, -drop], [-0.1, 0, -drop], [0, 0.1, -drop], [0, -0.1, -drop]])
    else:
        r = rng.uniform(0.15, 0.3)
        mesh = blob((x, y, top), (r, r, 0.1), *coat)
        offsets = np.array([[r, 0, -0.12], [-r, 0, -0.12], [0, r, -0.12], [0, -r, -0.12]]) * [0.8, 0.8, 1]
    return mesh, (np.array([x, y, top]) + offsets).astype(np.float32)
