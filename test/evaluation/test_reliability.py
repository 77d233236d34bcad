# SPDX-License-Identifier: Apache-2.0
"""Counting whether an uncertainty holds."""

import numpy as np
import pytest

from geo_perception.evaluation.reliability import reliability_of, reliability_tree

TRUTH = np.full((10, 10), 20.0, np.float32)


def counted(errors, deviation):
    depth = TRUTH * (1 + np.float32(errors))
    return reliability_of(depth, np.full(TRUTH.shape, deviation, np.float32), TRUTH, 80.0)


def test_pixels_said_to_be_within_a_share_are_counted_with_those_that_are():
    errors = np.zeros(TRUTH.shape)
    errors[:2] = 0.15  # a fifth is off by more than said
    tree = reliability_tree([counted(errors, 0.05)])
    assert tree["10%"] == {"said": 1.0, "right": pytest.approx(0.8)}
    assert tree["20%"] == {"said": 1.0, "right": 1.0}
    assert tree["5%"]["said"] == 0 and np.isnan(tree["5%"]["right"])
    assert tree["90% interval"]["right"] == pytest.approx(0.8)


def test_frames_are_pooled():
    tree = reliability_tree([counted(0, 0.05), counted(0.15, 0.05), counted(0, 0.5)])
    assert tree["10%"] == {"said": pytest.approx(2 / 3), "right": 0.5}


def test_nothing_said_or_nothing_known_counts_nothing():
    unknown = np.full_like(TRUTH, np.nan)
    assert reliability_of(TRUTH, None, TRUTH, 80.0) is None
    assert reliability_of(TRUTH, unknown, TRUTH, 80.0) is None
    assert reliability_of(TRUTH, TRUTH, None, 80.0) is None
    assert reliability_of(TRUTH, TRUTH, TRUTH, 10.0) is None  # truth beyond the cap
    assert reliability_tree([]) == {}
