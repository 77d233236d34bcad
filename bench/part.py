# SPDX-License-Identifier: Apache-2.0
"""One part of the benchmarks, as a process of its own runs it."""

from __future__ import annotations

from importlib import import_module

from bench.table import Row


def run_part(name: str) -> list[Row]:
    """The rows of a module of this package; none of one that only serves the others."""
    module = import_module(f"bench.{name}")
    return list(module.run()) if hasattr(module, "run") else []
