# SPDX-License-Identifier: Apache-2.0
"""The command line as a whole: exit codes, one-line errors, and recipes that get their options untouched."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest
import typer

from geo_perception import __version__, cli
from geo_perception.cli import train
from geo_perception.errors import ConfigError, MissingDependencyError

COMMAND = (sys.executable, "-m", "geo_perception.cli")


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run([*COMMAND, *args], capture_output=True, text=True, check=False)


def test_version() -> None:
    assert run("--version").stdout == f"geo-perception {__version__}\n"


def test_no_arguments_print_the_overview(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 0
    said = capsys.readouterr().out
    assert [verb for verb in cli.VERBS if f"  {verb}" not in said] == []


def test_user_error_is_one_line_and_exit_code_2() -> None:
    result = run("nonsense")
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        f"geo-perception: unknown verb 'nonsense'; there are: {', '.join(cli.VERBS)}"
    ]


@pytest.mark.parametrize("scale", ["nan", "inf", "1e300", "-1"])
def test_an_image_size_that_cannot_be_is_one_line(scale: str, tmp_path: Path) -> None:
    result = run("bag", "simulate", str(tmp_path / "out"), "--frames", "1", "--scale", scale)
    (line,) = result.stderr.splitlines()
    assert result.returncode == 2 and re.match("geo-perception: (scale|DriveConfig.width) must be", line)
    assert not (tmp_path / "out").exists()


def test_debug_shows_where_it_happened() -> None:
    result = run("--debug", "nonsense")
    assert result.returncode != 0
    assert "Traceback" in result.stderr
    assert "ConfigError" in result.stderr


def test_wrong_option_is_exit_code_2() -> None:
    result = run("doctor", "--no-such-option")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def fake_verb(monkeypatch: pytest.MonkeyPatch, function: object) -> None:
    """Make `doctor` run a function of the test."""
    app = typer.Typer(add_completion=False)
    app.command()(function)  # type: ignore[type-var]  # any callable serves here
    module = types.ModuleType("fake_verb")
    module.app = app  # type: ignore[attr-defined]  # a module made by hand
    monkeypatch.setitem(sys.modules, "fake_verb", module)
    monkeypatch.setitem(cli.VERBS, "doctor", "fake_verb:app")


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def needs_a_package() -> None:
        import no_such_package  # type: ignore[import-not-found]  # noqa: F401 - that is the test

    fake_verb(monkeypatch, needs_a_package)
    with pytest.raises(MissingDependencyError, match="no_such_package"):
        cli.run(["doctor"])


@pytest.mark.parametrize("code", [0, 1, 7])
def test_exit_code_of_a_verb_is_kept(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def leave() -> None:
        raise typer.Exit(code)

    fake_verb(monkeypatch, leave)
    assert cli.run(["doctor"]) == code


def test_interrupt_exits_130_without_a_traceback() -> None:
    program = (
        "import signal, sys, time, types, typer\nfrom geo_perception import cli\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job inherits it ignored
        "def wait():\n    print('waiting', flush=True)\n    time.sleep(60)\n"
        "module = types.ModuleType('fake_verb'); module.app = typer.Typer(); module.app.command()(wait)\n"
        "sys.modules['fake_verb'] = module; cli.VERBS['doctor'] = 'fake_verb:app'\n"
        "sys.argv = ['geo-perception', 'doctor']; cli.main()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A recipe named `probe` that records what it is given."""
    given: list[list[str]] = []
    module = types.ModuleType("training.recipes.probe")
    module.main = given.append  # type: ignore[attr-defined]  # a module made by hand
    monkeypatch.setitem(sys.modules, "training.recipes.probe", module)
    monkeypatch.setattr(train, "recipes", lambda: ["probe"])
    return given


def test_recipe_gets_its_options_untouched(recipe: list[list[str]]) -> None:
    assert cli.run(["train", "probe", "--steps", "3", "--seed=7", "--help", "positional"]) == 0
    assert recipe == [["--steps", "3", "--seed=7", "--help", "positional"]]


def test_unknown_recipe_lists_what_exists(recipe: list[list[str]]) -> None:
    with pytest.raises(ConfigError, match="unknown recipe 'other'; there are: probe"):
        cli.run(["train", "other"])
    assert recipe == []


@pytest.mark.parametrize(
    ("pipeline", "own", "foreign"),
    [
        ("stereo_lidar_fusion", "--stereo-model", "--protocol"),
        ("indoor_depth", "--protocol", "--stereo-model"),
    ],
)
def test_each_pipeline_explains_its_own_options(
    pipeline: str, own: str, foreign: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["eval", pipeline, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"Usage: geo-perception eval {pipeline} [OPTIONS]" in said
    assert own in said and foreign not in said
    assert "[m]" in said, "units in brackets were taken for markup"
    assert f"  geo-perception eval {pipeline} " in said.partition("Examples:")[2]


def test_commands_of_a_verb_are_named_where_another_one_is_typed() -> None:
    for verb, known in (
        ("eval", "stereo_lidar_fusion, indoor_depth"),
        ("weights", "list, verify"),
        ("bag", "from-kitti"),
    ):
        with pytest.raises(
            ConfigError, match=f"unknown command 'nonsense' after `geo-perception {verb}`.*{known}"
        ):
            cli.run([verb, "nonsense"])


def test_usage_of_an_error_can_be_typed_again() -> None:
    result = run("weights", "export")
    assert result.returncode == 2
    usage = " ".join(result.stderr.split())
    assert usage.startswith(f"Usage: {sys.executable} -m geo_perception.cli weights export [OPTIONS]")
