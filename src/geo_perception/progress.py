# SPDX-License-Identifier: Apache-2.0
"""Progress on stderr: a bar on a terminal, whole lines elsewhere, and messages that do not break the bar.

A log file, a pipe or a CI page gets a complete line now and then, without carriage returns.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # imported with the first bar: it takes longer than the rest of `geo-perception --help`
    from tqdm import tqdm

T = TypeVar("T")

LINE_EVERY_S = 10.0  # where there is no terminal
UNKNOWN_WIDTH = 80  # columns of a terminal that reports none
BARS = 20  # that may be shown at once; from a terminal without a height tqdm would conclude none
SECOND = "second"  # a unit that has no rate
NARROW = 60  # below it there is no room for a bar
SHORT = "{desc}: {n_fmt}/{total_fmt} [{elapsed}<{remaining}]"
WITHOUT_RATE = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {unit}s"


_open: list[Progress] = []  # in this process


class Progress:
    """Counter towards a total; a context manager that leaves its last state visible at the end.

    Args:
        what: the activity, in a word or two.
        total: number of items; None where it is not known.
        unit: name of a counted item.
        start: number of items done already.
        hidden: show nothing.
    """

    def __init__(
        self,
        what: str,
        total: int | None = None,
        unit: str = "frame",
        *,
        start: int = 0,
        hidden: bool = False,
    ) -> None:
        from tqdm import tqdm

        self.what, self.total, self.unit, self.n = what, total, unit, start
        self._lines = not hidden and not _on_terminal()
        self._started = self._said = time.monotonic()
        columns = _columns()
        _open.append(self)
        self._bar: tqdm[None] = tqdm(
            desc=what,
            total=total,
            unit=unit,
            initial=start,
            ncols=columns - 1,  # some terminals go to the next line after the last column
            nrows=BARS,
            bar_format=_format(total, unit, columns),
            disable=hidden or self._lines,
        )

    def update(self, count: int = 1) -> None:
        """Count so many more items as done."""
        self.n += count
        self._bar.update(count)
        now = time.monotonic()
        if self._lines and now - self._said >= LINE_EVERY_S:
            self._said = now
            say(self._line(now - self._started))

    def close(self) -> None:
        """End and keep the last state; without a terminal as a line, unless nothing was done. May be called twice."""
        if self in _open:
            _open.remove(self)
        self._bar.close()
        if self._lines and self.n:
            say(self._line(time.monotonic() - self._started))
        self._lines = False

    def _line(self, seconds: float) -> str:
        of = "" if self.total is None else f" of {self.total}"
        return f"{self.what}: {self.n}{of} {self.unit}s, {seconds:.0f} s"

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def track(
    items: Iterable[T],
    what: str,
    total: int | None = None,
    unit: str = "frame",
    *,
    start: int = 0,
    hidden: bool = False,
) -> Iterator[T]:
    """Yield items and count them; arguments as of `Progress`, `total` by default the length of `items`, if any."""
    size = len(items) if total is None and isinstance(items, Sized) else total
    with Progress(what, size, unit, start=start, hidden=hidden) as progress:
        for item in items:
            yield item
            progress.update()


def say(line: str) -> None:
    """Print a line on stderr, above any bar that is shown."""
    if not _open:
        print(line, file=sys.stderr, flush=True)
        return
    from tqdm import tqdm

    with tqdm.external_write_mode(file=sys.stderr):
        print(line, file=sys.stderr, flush=True)


def stop_bars() -> None:
    """End all bars, so that the last message of a process has a line of its own."""
    for progress in list(_open):
        progress.close()


class LineHandler(logging.Handler):
    """Log handler that prints one line a record by `say`."""

    def emit(self, record: logging.LogRecord) -> None:
        say(f"{record.levelname.lower()}: {record.getMessage()}")


def log_by_lines() -> None:
    """Send warnings and errors of all loggers through `say`; for the command line."""
    logging.basicConfig(level=logging.WARNING, handlers=[LineHandler()])


def _format(total: int | None, unit: str, columns: int) -> str | None:
    """Return the format of the bar; None: tqdm's own."""
    if total and columns < NARROW:
        return SHORT
    return WITHOUT_RATE if total and unit == SECOND else None


def _on_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _columns() -> int:
    """Return the columns of the terminal on stderr; some report 0, which would make the bar an empty line."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return columns or UNKNOWN_WIDTH
