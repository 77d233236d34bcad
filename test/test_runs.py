# SPDX-License-Identifier: Apache-2.0
"""runs/ holds the commands that made each shipped model, and the program still takes every one of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tyro

from geo_perception import cli
from training.indoor.config import PRESETS, check_config
from training.options import check_options, parsed
from training.recipes import scadc

ROOT = Path(__file__).resolve().parents[1]
MODELS = sorted(card.parent.name for card in (ROOT / "models").glob("*/model.yaml"))
# Writes down its arguments, and a card for those scripts that wait for a step.
STUB = """#!/usr/bin/env bash
printf '%s\\x1f' "$@" >> commands && echo >> commands
while [ $# -gt 0 ] && [ "$1" != --out ]; do shift; done
if [ $# -gt 0 ]; then mkdir -p "$2" && printf '  step: %s\\n' 1000 2000 3000 5000 > "$2/model.yaml"; fi
"""


def commands(model: str, folder: Path) -> list[list[str]]:
    """The arguments of every geo-perception that a script starts."""
    stub = folder / ".venv" / "bin" / "geo-perception"
    stub.parent.mkdir(parents=True)
    stub.write_text(STUB)
    stub.chmod(0o755)
    shutil.copytree(ROOT / "runs", folder / "runs")
    subprocess.run([folder / "runs" / f"{model}.sh"], check=True, cwd="/")
    lines = (folder / "commands").read_text().splitlines()
    return [line.split("\x1f")[:-1] for line in lines]


def accept(command: list[str]) -> None:
    """Read a command line as the program does, without running it. Raises for what it does not take."""
    verb, *rest = command
    if command[:2] == ["train", "distdepth"]:
        check_config(parsed(partial(tyro.extras.overridable_config_cli, PRESETS, args=rest[1:])))
    elif command[:2] == ["train", "scadc"]:
        check_options(parsed(partial(tyro.cli, scadc.Config, args=rest[1:])))
    else:
        found: Any = cli.load_verb(verb)
        if verb == "weights":
            verb, *rest = rest
            found = found.commands[verb]
        found.make_context(verb, rest)


def folders_used(command: list[str]) -> Iterator[str]:
    """Model folders and data sets that a training begins with."""
    for flag, value in pairwise(command):
        if flag == "--init":
            yield value
    yield from (word.split(":")[1] for word in command if word.startswith("simsin:"))


@pytest.mark.parametrize("model", MODELS)
def test_every_shipped_model_has_a_script(model: str) -> None:
    script = ROOT / "runs" / f"{model}.sh"
    assert os.access(script, os.X_OK)
    assert "\nset -euo pipefail\n" in script.read_text()
    assert f"models/{model}" in script.read_text().split("set -euo")[0]


def test_every_script_is_of_a_shipped_model() -> None:
    assert sorted(path.stem for path in (ROOT / "runs").glob("*.sh")) == sorted([*MODELS, "common"])


@pytest.mark.parametrize("model", MODELS)
def test_the_program_takes_every_command(model: str, tmp_path: Path) -> None:
    made: set[str] = set()
    for command in commands(model, tmp_path):
        accept(command)
        assert set(folders_used(command)) <= made, command
        made |= {word for word in command if word.startswith("out/")}
