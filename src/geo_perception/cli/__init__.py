# SPDX-License-Identifier: Apache-2.0
"""Command line `geo-perception <verb>`: one file per verb, imported only when that verb is used.

Each verb's module has `app`, a `typer.Typer`. Verbs raise `GeoPerceptionError` for errors that a user can
cause; `endings` turns them into one line and exit code 2, or into a traceback with `--debug`.

Slow imports happen within `main`, where Ctrl-C is handled.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from geo_perception.cli.interrupts import EXIT_INTERRUPTED, leave_on_interrupt, raise_on_interrupt
from geo_perception.dependencies import missing_dependency
from geo_perception.errors import ConfigError

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
    """Compose the overview that `geo-perception --help` prints."""
    from geo_perception.command import command_name

    command, width = command_name(), max(map(len, SUMMARIES))
    rows = "\n".join(f"  {verb:<{width}}  {summary}" for verb, summary in SUMMARIES.items())
    return (
        f"Usage: {command} [--debug] VERB [ARGUMENTS]\n\n"
        f"Metric 3D geometry for robots.\n\nVerbs:\n{rows}\n\n"
        "Options:\n  --debug    print the traceback of an error\n  --version  print the version\n"
        "  --help     print this text, or after a verb what it takes\n\n"
        f"Examples:\n  {command} demo\n  {command} eval indoor_depth --help\n"
    )


def load_verb(verb: str) -> Callable[..., object]:
    """Import the command of a verb. Raises ConfigError for an unknown verb."""
    if verb not in VERBS:
        raise ConfigError(f"unknown verb {verb!r}; there are: {', '.join(VERBS)}")
    import typer

    module_name, attribute = VERBS[verb].split(":")
    command: Callable[..., object] = typer.main.get_command(getattr(import_module(module_name), attribute))
    return command


def run(args: list[str]) -> int:
    """Run one command line and return its exit code; errors are raised."""
    if not args or args[0] in ("--help", "-h"):
        print(usage(), end="")
        return 0
    if args[0] == "--version":
        from geo_perception import __version__

        print(f"geo-perception {__version__}")
        return 0
    from geo_perception.command import command_name

    verb, *rest = args
    try:
        command = load_verb(verb)
        raise_on_interrupt()
        command(args=rest, prog_name=f"{command_name()} {verb}")
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


def main() -> None:
    """Run the console script."""
    leave_on_interrupt()
    from geo_perception.cli.endings import ended

    ended(run)
