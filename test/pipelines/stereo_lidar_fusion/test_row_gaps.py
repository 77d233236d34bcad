# SPDX-License-Identifier: Apache-2.0
"""Gaps of all rows at once are those of each row."""

import numpy as np

from geo_perception.pipelines.stereo_lidar_fusion.row_gaps import gaps, in_one_line, in_rows


def test_rows_come_back_as_they_were():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    line = in_one_line(values, np.inf)
    assert line.dtype == np.float32 and np.isinf(line[[0, 5, 10, 15]]).all()
    assert np.array_equal(in_rows(line, values.shape), values)


def test_a_gap_ends_with_its_row():
    known = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]], np.bool_)
    before, last = gaps(in_one_line(known, True))
    assert before.tolist() == [1, 5, 8, 10] and last.tolist() == [3, 6, 9, 14]


def test_without_gaps_there_are_none():
    assert [len(ends) for ends in gaps(in_one_line(np.ones((2, 3), np.bool_), True))] == [0, 0]
