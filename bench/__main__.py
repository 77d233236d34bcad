# SPDX-License-Identifier: Apache-2.0
"""`python -m bench [--only NAME ...] [--json FILE]`: run every benchmark and print one table.

A matrix product is timed before and after. When the two differ, something else used the processor meanwhile
and the milliseconds are worth little; the ratios, taken within one part, suffer less. Each part has a process of its
own: memory that one has freed would spare the reference forms of the next the page faults of a process that does
nothing else.
"""

from __future__ import annotations

import argparse
import json
import pkgutil
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import bench
from bench.part import run_part
from bench.table import Row, format_table, median_ms

PROBE_SIZE = 1024


def parts() -> list[str]:
    """Names of the modules here that hold benchmarks."""
    helpers = {"__main__", "part", "table", "traffic"}
    return sorted(
        module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in helpers
    )


def probe(when: str) -> Row:
    """Time a float32 matrix product: what the processor has to give at this moment."""
    import torch

    matrix = torch.ones(PROBE_SIZE, PROBE_SIZE)
    elapsed = median_ms(lambda: matrix @ matrix, repeats=15, warm_up=5)
    rate = 2 * PROBE_SIZE**3 / elapsed / 1e6
    return Row(
        f"probe {when}: matmul {PROBE_SIZE} ({rate:.0f} GFLOP/s, {torch.get_num_threads()} threads)", elapsed
    )


def measure(only: list[str]) -> list[Row]:
    """Run the parts named (all when none is), between two probes."""
    rows = [probe("before")]
    alone: dict[str, Any] = {"max_tasks_per_child": 1}  # from Python 3.11 on
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), **alone) as pool:
        for name in only or parts():
            print(f"bench: {name} ...", file=sys.stderr, flush=True)
            rows += pool.submit(run_part, name).result()
    return [*rows, probe("after")]


def main(args: list[str] | None = None) -> None:
    """Parse the options, measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument(
        "--only", nargs="+", default=[], choices=parts(), metavar="NAME", help=", ".join(parts())
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    options = parser.parse_args(args)
    rows = measure(options.only)
    print(format_table(rows))
    drift = rows[-1].median_ms / rows[0].median_ms
    if not 1 / 1.2 < drift < 1.2:
        print(f"The probe changed by {drift:.2f}x: the machine was busy, repeat before quoting milliseconds.")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
