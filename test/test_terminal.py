# SPDX-License-Identifier: Apache-2.0
"""Terminals of any encoding, full disks behind the standard output, and users without a home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from geo_perception import cli

COMMAND = (sys.executable, "-m", "geo_perception.cli")


def run(*args: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command line in a process of its own."""
    return subprocess.run(
        [*COMMAND, *args], capture_output=True, check=False, env={**os.environ, **environment}
    )


ALL_HELP = """
from geo_perception import cli
from geo_perception.terminal import accept_any_text
accept_any_text()
for words in [*cli.VERBS, "train scadc", "train distdepth rooms", "bag simulate"]:
    try:
        assert cli.run([*words.split(), "--help"]) == 0
    except SystemExit as stop:
        assert not stop.code
"""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_help_of_all_verbs_can_be_shown_in_every_encoding(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", ALL_HELP], capture_output=True, check=False, env=environment)
    assert done.stderr.decode(encoding) == "" and done.returncode == 0
    assert done.stdout.decode(encoding).lower().count("usage") >= len(cli.VERBS)


def test_what_an_encoding_lacks_is_written_otherwise(tmp_path: Path) -> None:
    program = (
        "from geo_perception.terminal import accept_any_text\n"
        "accept_any_text()\nprint('12 \\u2192 3\\u2026 caf\\xe9 \\udce9')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.stdout.decode("ascii") == "12 -> 3... caf\\xe9 \\udce9\n"


def test_names_that_no_encoding_has_can_be_named_in_errors() -> None:
    done = run("weights", "import", "psmnet", os.fsdecode(b"caf\xe9.pth"))
    assert done.returncode == 2
    assert done.stderr == b"geo-perception: no checkpoint file caf\\udce9.pth\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_the_standard_output_is_one_line(unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "weights", "list"], stdout=full, stderr=subprocess.PIPE, check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == b"geo-perception: the standard output cannot be written: no space left on device\n"
