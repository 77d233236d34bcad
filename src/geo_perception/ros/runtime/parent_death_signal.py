# SPDX-License-Identifier: Apache-2.0
"""Program that becomes a command which the kernel ends if the parent process is killed.

Run as `python parent_death_signal.py PARENT COMMAND ...`, with the parent's process id.

A program of its own because the parent runs threads, after whose fork no Python code is safe. The request survives
exec, see prctl(2).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel, then exec."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):  # it died before we asked
            sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
