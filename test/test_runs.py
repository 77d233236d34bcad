# SPDX-License-Identifier: Apache-2.0
"""runs/ holds the commands that made each shipped model, and the program still takes every one of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.command_lines import accept, caught

ROOT = Path(__file__).resolve().parents[1]
MODELS = sorted(card.parent.name for card in (ROOT / "models").glob("*/model.yaml"))


def needs(command: list[str]) -> Iterator[str]:
    """Model folders and data sets that a training begins with."""
    yield from (value for flag, value in pairwise(command) if flag == "--init")
    yield from (word.split(":")[1] for word in command if word.startswith("simsin:"))


@pytest.mark.parametrize("model", MODELS)
def test_every_shipped_model_has_a_script(model: str) -> None:
    script = ROOT / "runs" / f"{model}.sh"
    assert os.access(script, os.X_OK)
    header, strict, _ = script.read_text().partition("\nset -euo pipefail\n")
    assert strict
    assert f"models/{model}" in header


def test_every_script_is_of_a_shipped_model() -> None:
    assert sorted(path.stem for path in (ROOT / "runs").glob("*.sh")) == sorted([*MODELS, "common"])


@pytest.mark.parametrize("model", MODELS)
def test_the_program_takes_every_command(model: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "runs", tmp_path / "runs")
    commands, made = caught(tmp_path, f"runs/{model}.sh"), set[str]()
    assert commands
    for command in commands:
        accept(command)
        assert set(needs(command)) <= made, command
        made |= {word for word in command if word.startswith("out/")}
