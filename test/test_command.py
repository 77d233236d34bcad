# SPDX-License-Identifier: Apache-2.0
"""The command's own name in usage lines: what can be typed again."""

from __future__ import annotations

from pathlib import Path

import pytest

from geo_perception import command


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "geo-perception"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_name_alone_is_enough_on_the_path(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    assert command.command_name([str(program)]) == "geo-perception"


def test_elsewhere_it_is_the_path_as_typed(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert command.command_name([str(program)]) == str(program)
    assert command.command_name([".venv/bin/geo-perception"]) == ".venv/bin/geo-perception"


def test_ros_runs_it_by_package() -> None:
    typed = "/ws/install/geo_perception/lib/geo_perception/geo-perception"
    assert command.command_name([typed]) == "ros2 run geo_perception geo-perception"


def test_a_module_is_run_by_the_interpreter_that_was_typed() -> None:
    orig = ["python3.12", "-m", "geo_perception.cli", "doctor"]
    assert command.command_name([str(command.MODULE)], orig) == "python3.12 -m geo_perception.cli"


def test_called_from_python_it_has_its_usual_name() -> None:
    assert command.command_name(["/usr/lib/python3/pytest/__main__.py"]) == "geo-perception"
