# SPDX-License-Identifier: Apache-2.0
"""Descriptions of how a process ended."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

HINTS = {
    signal.SIGKILL: "by somebody, or by the kernel for want of memory: `dmesg` tells",
    signal.SIGSEGV: "a fault in a native library: `geo-perception doctor` checks the installation",
    signal.SIGILL: "a library built for another processor",
    signal.SIGBUS: "shared memory ran full: `df /dev/shm`",
}


def exit_text(code: int) -> str:
    """`code 3`, or `signal SIGKILL (...)` for Popen's negative codes."""
    if code >= 0:
        return f"code {code}"
    try:
        number = signal.Signals(-code)
    except ValueError:  # a real-time signal has no name here
        return f"signal {-code}"
    hint = f" ({HINTS[number]})" if number in HINTS else ""
    return f"signal {number.name}{hint}"


def program_name(command: Sequence[str]) -> str:
    """Return the name of a command line's program: the last part of a module's name, or the file's name."""
    if "-m" in command[:-1]:
        return command[list(command).index("-m") + 1].rpartition(".")[2]
    return Path(command[0]).name
