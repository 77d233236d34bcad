# SPDX-License-Identifier: Apache-2.0
"""Counts the inputs that the fuzzers run, and ends a round of `tools/fuzz.py` when its time is up."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

UNTIL = "GEO_PERCEPTION_FUZZ_UNTIL"  # seconds since the epoch; a test that begins later is skipped
COUNTS = "GEO_PERCEPTION_FUZZ_COUNTS"  # file that gets one line "number name" for every test that ran

inputs: Counter[str] = Counter()
counted: set[int] = set()  # handles of Hypothesis whose test already counts: cases of one test share it


def counting(test: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The test, which counts how often it is called."""

    @wraps(test)
    def call(*args: Any, **kwargs: Any) -> Any:
        inputs[name] += 1
        return test(*args, **kwargs)

    return call


def pytest_itemcollected(item: pytest.Item) -> None:
    handle = getattr(getattr(item, "obj", None), "hypothesis", None)
    if handle is None or id(handle) in counted:
        return
    counted.add(id(handle))
    handle.inner_test = counting(handle.inner_test, item.nodeid.split("[")[0])


def pytest_runtest_setup(item: pytest.Item) -> None:
    # The first test runs in any case: starting can take longer than a short round.
    if inputs and time.time() > float(os.environ.get(UNTIL, "inf")):
        pytest.skip("the time of this round is up")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not inputs:
        return
    terminalreporter.write_line(f"fuzz: {inputs.total()} inputs in {len(inputs)} tests")
    path = os.environ.get(COUNTS)
    if path:
        with Path(path).open("a") as file:
            file.writelines(f"{number} {name}\n" for name, number in inputs.items())
