# SPDX-License-Identifier: Apache-2.0
"""A ratio says in words whether it is one of speeds or one of times."""

from bench.busy import percentile_row
from bench.table import Row, format_table


def test_a_ratio_of_speeds_is_called_fast():
    text = format_table([Row("a", 10.0), Row("network, own form", 5.0, 2.0, "eager float32")])
    head, first, second = text.splitlines()
    assert head.split() == ["name", "median", "ratio"] and first.split() == ["a", "10.00", "ms"]
    assert second.split(maxsplit=5)[3:] == ["5.00", "ms", "2.00x as fast as eager float32"]


def test_a_busy_machine_takes_so_many_times_as_long():
    row = percentile_row("busy, 95 %", [10.0] * 10 + [70.0] * 10, 50.0)
    assert format_table([row]).endswith("70.00 ms     1.40x as long as its quiet 95 %")
