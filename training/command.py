# SPDX-License-Identifier: Apache-2.0
"""Recipes as programs, `python -m training.recipes.NAME`, with the command line's errors and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from geo_perception.errors import ConfigError, GeoPerceptionError
from geo_perception.terminal import accept_any_text, one_line

EXIT_USER_ERROR, EXIT_INTERRUPTED = 2, 130  # as those of `geo-perception`


def run_recipe(main: Callable[[], None]) -> None:
    """Run a recipe's entry point; an error that the user can fix is one line and exit code 2."""
    accept_any_text()
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except (GeoPerceptionError, OSError, MemoryError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)


@contextmanager
def memory_named(options: str) -> Iterator[None]:
    """Name the options that decide how much memory a training takes, when it runs out of memory.

    Raises:
        ConfigError: the machine's or the device's memory did not suffice.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = str(error).lower()
        short = isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in text
        if not short and "not enough memory" not in text:
            raise
        raise ConfigError(f"the memory does not suffice for this training: lower {options}") from error
