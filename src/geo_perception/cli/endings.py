# SPDX-License-Identifier: Apache-2.0
"""Ends of the command line: exit codes, one line for an error, and signals."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from geo_perception.cli.interrupts import EXIT_INTERRUPTED
from geo_perception.errors import GeoPerceptionError
from geo_perception.progress import log_by_lines, stop_bars
from geo_perception.terminal import accept_any_text, blamed, flush, one_line

EXIT_USER_ERROR = 2


class Terminated(BaseException):
    """Exception for SIGTERM. It unwinds the stack, because shared memory and children would stay behind otherwise."""


def _terminate(number: int, frame: object) -> None:
    # A second one must not break the unwinding. Not SIG_IGN: Python prints a traceback for a signal that comes while
    # its handler is replaced by that.
    signal.signal(signal.SIGTERM, lambda *_: None)
    raise Terminated


def ended(run: Callable[[list[str]], int]) -> None:
    """Run the process's command line and end the process, whatever happens.

    Args:
        run: takes the arguments and gives the exit code.
    """
    debug = "--debug" in sys.argv[1:]
    signal.signal(signal.SIGTERM, _terminate)
    accept_any_text()
    log_by_lines()
    try:
        code = run([arg for arg in sys.argv[1:] if arg != "--debug"])
        flush()
        if code == EXIT_INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(code)
    except KeyboardInterrupt:
        stop_bars()
        print("geo-perception: interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except Terminated:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)  # so that the sender sees it worked
    except BrokenPipeError:
        # The reader (`| head`) has gone: silence the flush at exit, too.
        sys.stdout = None  # type: ignore[assignment]  # Python itself allows None here
        sys.exit(0)
    except (GeoPerceptionError, OSError, MemoryError) as error:
        if debug:
            raise
        stop_bars()
        print(f"geo-perception: {one_line(blamed(error))}", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)
