# SPDX-License-Identifier: Apache-2.0
"""The row that every benchmark returns, how it is timed and how the table is printed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

AS_FAST, AS_LONG = "as fast as", "as long as"  # a ratio of speeds, or of times


@dataclass(frozen=True)
class Row:
    """One measurement. A ratio travels between machines, milliseconds do not."""

    name: str
    median_ms: float
    ratio: float | None = None  # against `reference`, measured in the same run; None: no reference
    reference: str = ""  # what the ratio is against, e.g. "eager float32" or "one memory copy"
    meaning: str = AS_FAST  # how many times as fast as the reference, or how many times AS_LONG


def median_ms(function: Callable[[], object], repeats: int = 7, warm_up: int = 1) -> float:
    """Median wall time of `function` in milliseconds over `repeats` calls, after `warm_up` calls."""
    for _ in range(warm_up):
        function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def format_table(rows: list[Row]) -> str:
    """Rows as aligned text: name, median, ratio, and in words what the ratio says."""
    width = max([len(row.name) for row in rows], default=4)
    lines = [f"{'name':<{width}}  {'median':>12}  {'ratio':>8}"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:>7.2f}x {row.meaning} {row.reference}"
        lines.append(f"{row.name:<{width}}  {row.median_ms:>9.2f} ms  {ratio}".rstrip())
    return "\n".join(lines)
