# SPDX-License-Identifier: Apache-2.0
"""Rays as the caster takes them, from whatever order their numbers lie in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from geo_perception.simulation.casting import NO_HIT, Caster, Floats, packed_rays
from geo_perception.simulation.mesh import join, patch

ORDERS: dict[str, Callable[[Floats], Floats]] = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "part of wider rows": lambda v: np.hstack([v, v])[:, 3:],
    "float64": lambda v: v.astype(np.float64),
    "one for all": lambda v: np.broadcast_to(np.array([1.0, 2.0, 3.0], np.float32), v.shape),
}


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
@pytest.mark.parametrize("directions", ORDERS)
@pytest.mark.parametrize("origins", [*ORDERS, "a single one"])
def test_origins_and_directions_stand_side_by_side(origins: str, directions: str, count: int) -> None:
    rng = np.random.default_rng(count)
    here, there = rng.standard_normal((2, count, 3)).astype(np.float32)
    origin = np.float32([4, 5, 6]) if origins == "a single one" else ORDERS[origins](here)
    along = ORDERS[directions](there)
    rays = packed_rays(origin, along)
    assert rays.shape == (count, 6) and rays.dtype == np.float32 and rays.flags.c_contiguous
    assert (rays[:, :3] == origin).all() and (rays[:, 3:] == along).all()


def test_barycentric_shares_give_the_point_that_was_hit() -> None:
    near = patch((3, -2, -2), (0, 4, 0), (0, 0, 4), 0)
    far = patch((8, -9, -9), (0, 18, 0), (0, 0, 18), 0)
    caster, corners = Caster([near]).with_mesh(far), join([near, far]).corners
    rays = np.float32([[1, 0.1, 0.2], [1, -0.9, 0.3], [-1, 0, 0]])
    hits = caster.cast(np.zeros(3, np.float32), rays)
    assert hits.triangle[0] < len(near.corners) <= hits.triangle[1] and hits.triangle[2] == NO_HIT
    for k, x in enumerate((3, 8)):
        point = hits.shares[:, k] @ corners[hits.triangle[k]]
        assert point == pytest.approx(x * rays[k], abs=1e-4)
