# SPDX-License-Identifier: Apache-2.0
"""What cannot be true of a room is said before anything is measured against it."""

from __future__ import annotations

import numpy as np
import pytest

from geo_perception.errors import ConfigError
from geo_perception.evaluation.truth_survey import TruthRange, survey_truth

NAN = np.float32(np.nan)


def ramp(low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, 400, dtype=np.float32).reshape(20, 20)


def test_a_room_is_nothing_to_remark() -> None:
    survey = survey_truth([ramp(1, 3), np.where(ramp(0, 1) < 0.9, NAN, ramp(1, 3))])
    assert survey.remarks() == []
    assert survey.typical_m == pytest.approx((2 + 2.9) / 2, abs=0.01)


@pytest.mark.parametrize(
    ("truths", "said"),
    [
        ([ramp(1000, 3000)], ["median depth is 2e+03 m", "100% of the depth is beyond 100 m"]),
        ([ramp(0.001, 0.003)], ["median depth is 0.002 m, in rooms it is 0.2 to 50 m"]),
        ([ramp(2, 2), ramp(3, 3), ramp(1, 3)], ["2 of 3 depth maps hold nearly one value"]),
        ([ramp(1, 3), ramp(1, 3) * NAN], ["1 of 2 depth maps hold no depth"]),
        ([np.where(ramp(0, 1) < 0.97, NAN, ramp(1, 3))], ["depth is unknown in 97% of the pixels"]),
        (
            [np.where(ramp(0, 1) < 0.7, ramp(1, 3), 4.095), np.where(ramp(0, 1) < 0.5, ramp(2, 3), 4.095)],
            ["40% of the depth is one and the largest number, 4.095 m"],
        ),
        ([np.where(ramp(0, 1) < 0.9, ramp(1, 3), 200)], ["10% of the depth is beyond 100 m"]),
    ],
)
def test_what_cannot_be_true_is_said(truths: list[np.ndarray], said: list[str]) -> None:
    remarks = survey_truth(truths).remarks()
    assert len(remarks) == len(said)
    for line, part in zip(remarks, said, strict=True):
        assert line.startswith(f"implausible truth: {part}")


def test_walls_that_face_the_camera_are_nothing_to_remark() -> None:
    walls = [np.where(ramp(0, 1) < 0.7, ramp(1, 3), far) for far in (3.2, 3.4, 4.1)]
    assert survey_truth(walls).remarks() == []


def test_a_cap_that_leaves_out_all_truth_is_refused_with_its_range() -> None:
    truth = TruthRange(above_m=0.01)
    truth.check_cap(1e-3)  # no truth at all, which is no fault of the cap
    truth.add(np.where(ramp(0, 1) < 0.5, NAN, ramp(2, 8)))
    truth.add(np.where(ramp(0, 1) < 0.1, 0.005, ramp(6, 12)))
    truth.check_cap(truth.nearest_m)
    with pytest.raises(ConfigError, match=r"^--cap 0.02 leaves out all truth, which is 5.01 to 12 m away$"):
        truth.check_cap(0.02)
