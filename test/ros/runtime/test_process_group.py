# SPDX-License-Identifier: Apache-2.0
"""Children are started and ended together, gently first."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from geo_perception.errors import DataError
from geo_perception.ros.runtime import process_group
from geo_perception.ros.runtime.process_group import ProcessGroup, Supervisor


def test_one_fails_and_all_are_stopped(tmp_path: Path) -> None:
    started = tmp_path / "started"
    lasting = f"import pathlib, signal; pathlib.Path({str(started)!r}).touch(); signal.pause()"
    failing = f"import os\nwhile not os.path.exists({str(started)!r}): pass\nraise SystemExit(7)"
    group = supervised(lasting, failing)
    assert group.run() == 7


def test_a_stubborn_process_is_ended_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        process_group, "ESCALATION", ((signal.SIGINT, 0.2), (signal.SIGTERM, 0.2), (signal.SIGKILL, 20))
    )
    deaf = (
        "import signal\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\n"
        "print('deaf', flush=True)\nwhile True: signal.pause()"
    )
    group = supervised(deaf, "raise SystemExit(3)")
    assert group.run() == 3


def test_all_end_well() -> None:
    assert supervised("pass", "pass").run() == 0


def test_the_supervisor_says_who_was_killed(capfd: pytest.CaptureFixture[str]) -> None:
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert Supervisor([[sys.executable, "-c", killed]], {}).run() == 137
    assert "was ended by signal SIGKILL" in capfd.readouterr().err
    assert Supervisor([[sys.executable, "-c", "raise SystemExit(2)"]], {}).run() == 2
    assert capfd.readouterr().err == ""  # which the program itself has explained


def test_a_child_that_ignores_polite_requests_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [(signal.SIGINT, 0.2), (signal.SIGTERM, 0.2), (signal.SIGKILL, 30.0)]
    monkeypatch.setattr(process_group, "ESCALATION", steps)
    code = (
        "import signal, time\n"
        "for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)\n"
        "print('deaf', flush=True)\n"
        "while True: time.sleep(60)\n"
    )
    with ProcessGroup(tmp_path, {}) as children:
        child = children.start("deaf", [sys.executable, "-c", code], lasting=True)
        while "deaf" not in child.log.read_text():
            children.check()
    assert child.process.returncode == -signal.SIGKILL


def test_a_lasting_child_must_not_end(tmp_path: Path) -> None:
    with ProcessGroup(tmp_path, {}) as children:
        child = children.start("brief", [sys.executable, "-c", "print('that was it')"], lasting=True)
        child.process.wait(60)
        with pytest.raises(DataError, match=r"(?s)brief ended with code 0.*brief: that was it"):
            children.check()


def supervised(*programs: str) -> Supervisor:
    return Supervisor([[sys.executable, "-c", program] for program in programs], {})
