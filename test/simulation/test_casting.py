# SPDX-License-Identifier: Apache-2.0
"""What a caster says about a hit."""

from __future__ import annotations

import numpy as np
import pytest

from geo_perception.simulation.casting import NO_HIT, Caster
from geo_perception.simulation.mesh import join, patch


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
