# SPDX-License-Identifier: Apache-2.0
"""Command lines of scripts and pages: caught instead of run, and read by the program's own parsers."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import tyro

from geo_perception import cli

# Writes down its arguments, and a card for those scripts that wait for a step.
STUB = r"""#!/usr/bin/env bash
printf '%s\x1f' "$@" >> commands && echo >> commands
while [ $# -gt 0 ] && [ "$1" != --out ]; do shift; done
if [ $# -gt 0 ]; then mkdir -p "$2" && printf '  step: %s\n' 1000 2000 3000 5000 > "$2/model.yaml"; fi
"""


def caught(folder: Path, *bash: str) -> list[list[str]]:
    """Run bash in a folder and give the arguments of every .venv/bin/geo-perception that it started there."""
    stub, log = folder / ".venv" / "bin" / "geo-perception", folder / "commands"
    stub.parent.mkdir(parents=True, exist_ok=True)
    stub.write_text(STUB)
    stub.chmod(0o755)
    log.write_text("")
    subprocess.run(["bash", *bash], check=True, cwd=folder)
    return [line.split("\x1f")[:-1] for line in log.read_text().splitlines()]


def accept(command: list[str]) -> None:
    """Read a command line as the program does, without running it. Raises for what it does not take."""
    from training.depth.config import PRESETS, check_config
    from training.options import check_options, parsed
    from training.recipes import scadc

    verb, *rest = command
    if command[:2] == ["train", "distdepth"]:
        check_config(parsed(partial(tyro.extras.overridable_config_cli, PRESETS, args=rest[1:])))
        return
    if command[:2] == ["train", "scadc"]:
        check_options(parsed(partial(tyro.cli, scadc.ScadcRecipeConfig, args=rest[1:])))
        return
    found: Any = cli.load_verb(verb)
    if hasattr(found, "commands"):
        verb, *rest = rest
        found = found.commands[verb]
    found.make_context(verb, rest)
