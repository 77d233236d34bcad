# SPDX-License-Identifier: Apache-2.0
"""Handling of Ctrl-C while a command line is still being imported."""

from __future__ import annotations

import os
import signal

EXIT_INTERRUPTED = 130  # 128 + SIGINT, what a shell expects


def leave_on_interrupt() -> None:
    """Let Ctrl-C end the process at once, until `raise_on_interrupt`.

    An exception would not do: modules that are being imported swallow it, or turn it into one of their own.
    """
    if (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):  # else the caller ignores it: nohup, `&`
        signal.signal(signal.SIGINT, _leave)


def raise_on_interrupt() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again, because there is something to unwind."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(number: int, frame: object) -> None:
    try:
        os.write(2, b"geo-perception: interrupted\n")
    finally:
        os._exit(EXIT_INTERRUPTED)
