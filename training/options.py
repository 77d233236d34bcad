# SPDX-License-Identifier: Apache-2.0
"""Checks of the recipes' options: each number's range stands beside its field, and all are checked before any work.

steps: Annotated[int, Range(1)] = 1200  # batches to learn from
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass, fields, is_dataclass
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from geo_perception.errors import ConfigError

T = TypeVar("T")
MOST = 10**9  # of counts; larger values are typing errors
MOST_SEED = 2**32 - 1  # largest seed of every generator
RULE = frozenset(" │╭╮╰╯─|+-")  # characters of lines across the frame of the option parser's messages


@dataclass(frozen=True)
class Range:
    """Allowed range of a number, or of each number of a tuple."""

    low: float
    high: float = MOST
    above: bool = False  # more than `low`, not equal to it
    below: bool = False  # less than `high`
    multiple: int = 1  # whole numbers that this divides

    def holds(self, value: float) -> bool:
        """Return whether a finite number lies inside."""
        inside = self.low <= value <= self.high and not (self.above and value == self.low)
        return (
            inside
            and not (self.below and value == self.high)
            and (self.multiple == 1 or not value % self.multiple)
        )

    def __str__(self) -> str:
        kind = f"multiples of {self.multiple} " if self.multiple > 1 else ""
        low, high = (f"{value:.10g}" for value in (self.low, self.high))
        if not self.above and not self.below:
            return f"{kind}from {low}" if self.high == MOST else f"{kind}from {low} to {high}"
        first = f"more than {low}" if self.above else f"at least {low}"
        return f"{kind}{first} and {'less than' if self.below else 'at most'} {high}"


SHARE = Range(0, 1)
COUNT = Range(1)
WEIGHT = Range(0, 1e6)  # of a term of the loss; 0 = off
SEED = Range(0, MOST_SEED)


def check_options(config: Any) -> None:
    """Raise ConfigError naming the first option of a configuration whose value lies outside its range."""
    for name, value, allowed in ranged(config):
        values = value if isinstance(value, tuple) else (value,)
        if not all(math.isfinite(one) and allowed.holds(one) for one in values):
            raise ConfigError(f"--{name} must be {allowed}, got {' '.join(map(str, values))}")


def plain_options(config: Any) -> dict[str, Any]:
    """Option name -> value, in types that a checkpoint holds; what `check_options_same` takes."""
    return {name: _plain(value) for name, value in _leaves(config)}


def parsed(read: Callable[[], T]) -> T:
    """Run an option parser; its framed error messages become one line.

    Raises:
        ConfigError: unknown option or preset, or a value of another type.
    """
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return read()
    except SystemExit as stop:
        if not stop.code:
            raise
        raise ConfigError(_first_sentence(said.getvalue())) from stop


def _first_sentence(framed: str) -> str:
    """Extract the text below the title, up to the next line across."""
    rows = ["" if set(line) <= RULE else line.strip(" │|") for line in framed.splitlines()[1:]]
    message = takewhile(bool, dropwhile(lambda row: not row, rows))
    return " ".join(" ".join(message).split()) or "the options cannot be read"


def _leaves(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for field in fields(config):
        name, value = prefix + field.name.replace("_", "-"), getattr(config, field.name)
        yield from _leaves(value, f"{name}.") if is_dataclass(value) else ((name, value),)


def ranged(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, Range]]:
    """(name, value, range) of every option that has one."""
    hints = get_type_hints(type(config), include_extras=True)
    for field in fields(config):
        name, value = prefix + field.name.replace("_", "-"), getattr(config, field.name)
        if is_dataclass(value):
            yield from ranged(value, f"{name}.")
        for allowed in getattr(hints[field.name], "__metadata__", ()):
            if isinstance(allowed, Range):
                yield name, value, allowed


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value
