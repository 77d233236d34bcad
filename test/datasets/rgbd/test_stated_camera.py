# SPDX-License-Identifier: Apache-2.0
"""One tolerance for what is the same view, and the same camera."""

from __future__ import annotations

import numpy as np
import pytest

from geo_perception.datasets.rgbd.stated_camera import is_resized, same_focal


@pytest.mark.parametrize(
    ("size", "same"), [((320, 240), True), ((1024, 768), True), ((640, 475), False), ((1296, 968), True)]
)
def test_resized_images_keep_their_aspect(size: tuple[int, int], same: bool) -> None:
    assert is_resized((640, 480), size) == is_resized(size, (640, 480)) == same


def test_the_tolerance_of_a_sensor_is_closer() -> None:
    assert not is_resized((640, 480), (1296, 968), 0.003)


@pytest.mark.parametrize(("ratio", "same"), [(1.009, True), (1.02, False)])
def test_focal_lengths_within_a_hundredth_are_one_cameras(ratio: float, same: bool) -> None:
    K = np.diag([500.0, 510.0, 1.0])
    P = np.column_stack((ratio * K, np.zeros(3)))
    assert same_focal(K, P) == same
