# SPDX-License-Identifier: Apache-2.0
"""Quaternions by our own algebra and by tf_transformations: the same rotations, the same refusals."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from geo_perception.errors import InputError
from geo_perception.geometry import se3
from geo_perception.ros.conversions import quaternions


@pytest.fixture(params=["ours", "tf_transformations"])
def algebra(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "ours":
        monkeypatch.setitem(sys.modules, "tf_transformations", None)
    else:
        pytest.importorskip("tf_transformations")
    quaternions.tf_transformations.cache_clear()
    assert (quaternions.tf_transformations() is None) == (request.param == "ours")
    yield request.param
    quaternions.tf_transformations.cache_clear()


@pytest.mark.usefixtures("algebra")
@pytest.mark.parametrize("seed", range(10))
def test_there_and_back(seed: int) -> None:
    quat = np.random.default_rng(seed).normal(size=4)
    rotation = quaternions.rotation_from_quaternion(quat)
    np.testing.assert_allclose(rotation, se3.rotation_from_quaternion(quat), atol=1e-12)
    back = quaternions.quaternion_from_rotation(rotation)
    unit = quat / np.linalg.norm(quat) * np.sign(quat[3])
    np.testing.assert_allclose(back, unit, atol=1e-9)


@pytest.mark.usefixtures("algebra")
@pytest.mark.parametrize("quat", [(0, 0, 0, 0), (np.nan, 0, 0, 1), (np.inf, 0, 0, 1)])
def test_what_is_no_rotation_is_refused(quat: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="a quaternion needs 4 finite values"):
        quaternions.rotation_from_quaternion(quat)
