# SPDX-License-Identifier: Apache-2.0
"""`geo-perception <verb>`: one file per verb, imported only when that verb is asked for.

Each verb's module offers `app`, a `typer.Typer`. Verbs raise `GeoPerceptionError` for whatever a user can
cause; this file turns it into one line and exit code 2, or into a traceback with `--debug`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from geo_perception import __version__
from geo_perception.command import command_name
from geo_perception.dependencies import missing_dependency
from geo_perception.errors import ConfigError, GeoPerceptionError
from geo_perception.progress import log_by_lines, stop_bars
from geo_perception.terminal import accept_any_text, blamed, flush, one_line

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, what a shell expects

VERBS: dict[str, str] = {
    "demo": "geo_perception.cli.demo:app",
    "launch": "geo_perception.cli.launch:app",
    "replay": "geo_perception.cli.replay:app",
    "eval": "geo_perception.cli.eval:app",
    "bag": "geo_perception.cli.bag:app",
    "simulate-rooms": "geo_perception.cli.simulate_rooms:app",
    "weights": "geo_perception.cli.weights:app",
    "train": "geo_perception.cli.train:app",
    "doctor": "geo_perception.cli.doctor:app",
}

# Beside VERBS rather than in the modules, so that the overview imports none of them.
SUMMARIES: dict[str, str] = {
    "demo": "run a node on simulated or given data and report how good and how fast its depth is",
    "launch": "start a node on this machine as ros2 launch would, without ros2cli",
    "replay": "publish a bag on its topics, in real time or frame by frame as answers come",
    "eval": "measure depth on a data set or bag, without ROS: the same numbers on every run",
    "bag": "write, convert and describe rosbag2 files",
    "simulate-rooms": "write a training set of simulated rooms: stereo pairs and exact depth",
    "weights": "list, verify, import and export model weights",
    "train": "train a network",
    "doctor": "check this machine and name the fix for what is wrong",
}


def usage() -> str:
    """The overview that `geo-perception --help` prints."""
    command, width = command_name(), max(map(len, SUMMARIES))
    rows = "\n".join(f"  {verb:<{width}}  {summary}" for verb, summary in SUMMARIES.items())
    return (
        f"Usage: {command} [--debug] VERB [ARGUMENTS]\n\n"
        f"Metric 3D geometry for robots.\n\nVerbs:\n{rows}\n\n"
        "Options:\n  --debug    print the traceback of an error\n  --version  print the version\n"
        "  --help     print this text, or after a verb what it takes\n\n"
        f"Examples:\n  {command} demo\n  {command} eval indoor_depth --help\n"
    )


def load_verb(verb: str) -> Callable[..., Any]:
    """Import the command of a verb. Raises ConfigError for an unknown verb."""
    if verb not in VERBS:
        raise ConfigError(f"unknown verb {verb!r}; there are: {', '.join(VERBS)}")
    import typer

    module_name, attribute = VERBS[verb].split(":")
    command: Callable[..., Any] = typer.main.get_command(getattr(import_module(module_name), attribute))
    return command


def run(args: list[str]) -> int:
    """Run one command line and return its exit code; errors come out as exceptions."""
    if not args or args[0] in ("--help", "-h"):
        print(usage(), end="")
        return 0
    if args[0] == "--version":
        print(f"geo-perception {__version__}")
        return 0
    verb, *rest = args
    try:
        load_verb(verb)(args=rest, prog_name=f"{command_name()} {verb}")
    except SystemExit as stop:
        # Typer before 0.12, which Ubuntu 24.04 has, turns Ctrl-C into an Abort with exit code 1.
        if isinstance(getattr(stop.__context__, "__context__", None), KeyboardInterrupt) and stop.code == 1:
            return EXIT_INTERRUPTED
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except ImportError as error:
        if (error.name or "").startswith("geo_perception"):
            raise  # ours: an installation fault, which deserves its traceback
        raise missing_dependency(f"`{verb}`", error) from error
    return 0


class Terminated(BaseException):
    """SIGTERM came. What is under way unwinds first: shared memory and children would stay behind otherwise."""


def _terminate(number: int, frame: object) -> None:
    # A second one must not break the unwinding. Not SIG_IGN: Python prints a traceback for a signal that comes while
    # its handler is replaced by that.
    signal.signal(signal.SIGTERM, lambda *_: None)
    raise Terminated


def main() -> None:
    """Entry point of the console script."""
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
        os.kill(os.getpid(), signal.SIGTERM)  # who sent it is told that it worked
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
