# SPDX-License-Identifier: Apache-2.0
"""What hangs on walls: kitchens and shelves."""

from __future__ import annotations

import numpy as np
import pytest

from geo_perception.simulation.rooms import RoomConfig, kitchens_and_shelves
from geo_perception.simulation.rooms.environment import build
from geo_perception.simulation.rooms.furnishing import scatter
from geo_perception.simulation.rooms.materials import Palette
from geo_perception.simulation.rooms.shapes import Piece
from geo_perception.simulation.rooms.small_objects import ON, microwave
from geo_perception.simulation.rooms.storage import chest

LOWEST_CEILING_M = 2.35  # that rooms are drawn with


@pytest.fixture(scope="module")
def palette() -> Palette:
    return Palette(np.random.default_rng(0), RoomConfig())


def _counters(palette: Palette) -> list[Piece]:
    return [kitchens_and_shelves.counter(np.random.default_rng(seed), palette) for seed in range(40)]


def test_worktops_have_every_length_and_things_stand_on_them(palette: Palette) -> None:
    counters = _counters(palette)
    widths = [piece.width for piece in counters]
    assert min(widths) < 2 and max(widths) > 3.5
    for piece in counters:
        worktop = [top for top in piece.tops if top.kind == "kitchen"]
        assert worktop and {top.z for top in worktop} == {kitchens_and_shelves.WORKTOP_M}
        assert all(-piece.width / 2 <= top.low[0] < top.high[0] <= piece.width / 2 for top in worktop)


def test_the_wall_above_a_worktop_is_bare_or_not(palette: Palette) -> None:
    """Otherwise networks learn that it is always the one or the other."""
    highest = [float(piece.mesh.corners[..., 2].max()) for piece in _counters(palette)]
    assert min(highest) < kitchens_and_shelves.WORKTOP_M + 0.3  # nothing but the tap
    assert max(highest) > kitchens_and_shelves.OVER_M + 0.3  # cupboards or shelves


def test_shelves_hang_above_the_piece_and_carry_things(palette: Palette) -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        low = chest(rng, palette)
        piece = kitchens_and_shelves.below_shelves(rng, palette, low)
        boards = piece.tops[len(low.tops) :]
        assert 1 <= len(boards) <= 2
        assert all(top.z > max(low.height + 0.6, 1.2) for top in boards)
        assert piece.height <= LOWEST_CEILING_M
        assert piece.height == pytest.approx(max(top.z for top in boards) + kitchens_and_shelves.SHELF_ROOM_M)
        assert (piece.width, piece.depth, piece.tops[0]) == (low.width, low.depth, low.tops[0])


def test_things_suit_the_place(palette: Palette) -> None:
    assert microwave in ON["kitchen"] and microwave not in ON["bed"]
    counter = kitchens_and_shelves.counter(np.random.default_rng(3), palette)
    rng = np.random.default_rng(0)
    assert any(scatter(rng, palette, RoomConfig(clutter=3.0), top, 1.0)[0] for top in counter.tops)


def test_rooms_have_shelves_unless_there_is_no_clutter() -> None:
    def boards(clutter: float) -> int:
        config = RoomConfig(rooms=(1, 1), space="bedroom", clutter=clutter)
        placed = [item for seed in range(6) for item in build(seed, config).furniture[0]]
        return sum(len({top.z for top in item.piece.tops if top.z > 1.2}) for item in placed)

    assert boards(0.0) < boards(2.0)
