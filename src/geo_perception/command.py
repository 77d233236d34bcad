# SPDX-License-Identifier: Apache-2.0
"""Name of the command line as it was typed, so that usage lines can be typed again."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

NAME = "geo-perception"
MODULE = Path(__file__).with_name("cli") / "__main__.py"
ROS_FOLDER = ("lib", "geo_perception")  # where `ros2 run geo_perception` finds programs


def command_name(argv: Sequence[str] | None = None, typed: Sequence[str] | None = None) -> str:
    """Return `geo-perception`, its path, `ros2 run geo_perception geo-perception` or `python3 -m geo_perception.cli`.

    Args:
        argv: arguments of the process; None: sys.argv.
        typed: arguments including the interpreter; None: sys.orig_argv.
    """
    program = (sys.argv if argv is None else argv)[0]
    path = Path(program)
    if path == MODULE:
        return f"{(sys.orig_argv if typed is None else typed)[0]} -m geo_perception.cli"
    if path.name != NAME:
        return NAME  # called from Python
    if path.parent.parts[-2:] == ROS_FOLDER:
        return f"ros2 run geo_perception {NAME}"
    found = shutil.which(NAME)
    return NAME if found and os.path.realpath(found) == os.path.realpath(path) else program
