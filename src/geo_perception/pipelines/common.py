# SPDX-License-Identifier: Apache-2.0
"""Shared parts of the pipelines: precisions of networks, and times of stages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

PRECISIONS = ("auto", "float32", "bfloat16")


@contextmanager
def timed(stage: str, stages: dict[str, float]) -> Iterator[None]:
    """Add the milliseconds of a block to those of `stage`."""
    start = perf_counter()
    yield
    stages[stage] = stages.get(stage, 0.0) + (perf_counter() - start) * 1e3


@dataclass(frozen=True)
class ModelChoice:
    """Choice of the weights that a learned stage loads, and how it runs them."""

    model: str  # name in models/ or a folder; empty: the backend's default
    device: str
    precision: str  # auto, float32 or bfloat16
