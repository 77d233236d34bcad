# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at any moment of the imports: one line and exit code 130, unless the caller has it ignored."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import geo_perception

# The process sends itself the signal when it is about to import a module: no test depends on time.
PROGRAM = """
import os, signal, sys

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
signal.signal(signal.SIGINT, signal.{handler})
from geo_perception import cli
sys.argv = ["geo-perception", "eval", "indoor_depth", "--help"]
cli.main()
"""


def run(module: str, handler: str) -> subprocess.CompletedProcess[str]:
    """`eval indoor_depth --help`, interrupted as it imports the module."""
    program = PROGRAM.format(module=module, handler=handler)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "module", ["geo_perception.progress", "geo_perception.terminal", "typer", "geo_perception.cli.eval"]
)
def test_interrupt_while_importing_is_one_line_and_exit_code_130(module: str) -> None:
    result = run(module, "default_int_handler")
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "geo-perception: interrupted\n")


def test_an_interrupt_that_the_caller_ignores_changes_nothing() -> None:
    result = run("typer", "SIG_IGN")
    assert result.returncode == 0 and "Usage" in result.stdout and not result.stderr


def test_what_takes_time_is_imported_where_an_interrupt_can_be_met() -> None:
    program = (
        "import sys, geo_perception.cli; print([m for m in ('tqdm', 'typer', 'typing') if m in sys.modules])"
    )
    source = str(Path(geo_perception.__file__).parents[1])
    bare = [
        sys.executable,
        "-S",
        "-c",
        program,
    ]  # without site, which imports some of them in some environments
    result = subprocess.run(bare, capture_output=True, text=True, check=False, env={"PYTHONPATH": source})
    assert (result.stdout, result.stderr) == ("[]\n", "")
