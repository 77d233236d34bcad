# SPDX-License-Identifier: Apache-2.0
"""Progress: a bar on terminals of any width, whole lines elsewhere, and nothing said in the middle of a bar."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

PROGRAM = (
    "from geo_perception import progress\n"
    "for i in progress.track(range(4), 'writing bag'):\n"
    "    progress.say(f'line {i}')\n"
)
WARNING = (
    "import logging\nfrom geo_perception import progress\nprogress.log_by_lines()\n"
    "for i in progress.track(range(2), 'x'):\n    logging.getLogger('any').warning('careful %d', i)\n"
)
FAILING = (
    "from geo_perception import progress\n"
    "bar = progress.Progress('x', 9)\nbar.update(2)\nprogress.stop_bars()\nprogress.stop_bars()\n"
    "import sys\nprint('last words', file=sys.stderr)\n"
)


def on_terminal(program: str, columns: int, term: str = "xterm") -> str:
    """What a program writes to a terminal of so many columns; 0: one that does not say."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 0 if columns == 0 else 24, columns, 0, 0))
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": term}) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                said += (block := os.read(ours, 65536))
            except OSError:  # the other side is closed
                break
            if not block:
                break
    os.close(ours)
    assert process.returncode == 0
    return said.decode()


def shown(raw: str) -> list[str]:
    """The lines that stay on the screen."""
    return [re.split("\r", line.rstrip("\r"))[-1].rstrip() for line in raw.split("\n")]


@pytest.mark.parametrize("columns", [0, 20, 40, 59, 80, 200])
def test_bars_fit_and_are_never_torn(columns: int) -> None:
    lines = shown(on_terminal(PROGRAM, columns))
    assert [line for line in lines if line.startswith("line")] == [f"line {i}" for i in range(4)]
    (last,) = [line for line in lines if line and not line.startswith("line")]
    assert last.startswith("writing bag:") and len(last) < (columns or 80)
    if columns >= 40 or columns == 0:
        assert "4/4" in last


def test_warnings_have_lines_of_their_own() -> None:
    lines = shown(on_terminal(WARNING, 80))
    assert [line for line in lines if "careful" in line] == ["warning: careful 0", "warning: careful 1"]


def test_last_words_do_not_hang_on_a_bar() -> None:
    lines = shown(on_terminal(FAILING, 80))
    assert "last words" in lines


@pytest.mark.parametrize(
    "environment", [{}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}]
)
def test_files_and_pipes_get_whole_lines(environment: dict[str, str]) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **environment}, capture_output=True, check=True
    )
    assert b"\r" not in result.stderr
    lines = result.stderr.decode().splitlines()
    assert lines[:4] == [f"line {i}" for i in range(4)]
    assert re.fullmatch(r"writing bag: 4 of 4 frames, \d+ s", lines[4]) and len(lines) == 5


def test_a_terminal_without_a_cursor_gets_lines() -> None:
    assert "\r" not in on_terminal(PROGRAM, 80, term="dumb").replace("\r\n", "\n")


def test_long_work_is_told_of_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from geo_perception import progress

    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    with progress.Progress("training", None, "step") as bar:
        bar.update()
        bar.update(2)
    assert capsys.readouterr().err.splitlines()[:2] == ["training: 1 steps, 0 s", "training: 3 steps, 0 s"]


def test_what_is_hidden_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    from geo_perception import progress

    assert list(progress.track([1, 2], "x", hidden=True)) == [1, 2]
    assert capsys.readouterr().err == ""
