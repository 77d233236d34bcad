# SPDX-License-Identifier: Apache-2.0
"""`python guarded.py PARENT COMMAND ...`: become the command, to be ended by the kernel if the parent is killed.

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
