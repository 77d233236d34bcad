# SPDX-License-Identifier: Apache-2.0
"""Options of both recipes: every number has a range, and what lies outside is one line before any work."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from geo_perception.errors import ConfigError
from training.depth.config import PRESETS, DistDepthRecipeConfig, check_config
from training.fabric import SLURM_TASKS, STARTED, check_devices, check_launcher
from training.options import Range, check_options, parsed, plain_options, ranged
from training.recipes import distdepth, scadc

# Checked by their own dataclasses when they are made.
ELSEWHERE = {"depth.min-depth-m", "depth.max-depth-m", "depth.numerator", "pose.layers", "pose.images"}
CHOICES = {"multi-frame.layers"}  # the parser offers these alone


@pytest.mark.parametrize(
    "config", [DistDepthRecipeConfig(), scadc.ScadcRecipeConfig()], ids=["distdepth", "scadc"]
)
def test_every_number_is_limited(config: Any) -> None:
    limited = {name for name, _, _ in ranged(config)}
    numbers = {name for name, value in plain_options(config).items() if is_number(value)}
    assert numbers - limited - ELSEWHERE - CHOICES == set()


def is_number(value: object) -> bool:
    if isinstance(value, list):
        return any(map(is_number, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_lie_within_their_limits(preset: str) -> None:
    check_config(replace(PRESETS[preset][1], data=("simsin:x:y",)))


def test_defaults_lie_within_their_limits() -> None:
    check_options(scadc.ScadcRecipeConfig())


@pytest.mark.parametrize(
    ("allowed", "good", "bad", "said"),
    [
        (Range(1), (1, 10**9), (0, -1, 10**9 + 1), "from 1"),
        (Range(0, 1), (0, 0.5, 1), (-0.1, 1.1), "from 0 to 1"),
        (Range(0, 1, below=True), (0, 0.99), (1,), "at least 0 and less than 1"),
        (Range(0, 10, above=True), (1e-9, 10), (0, 10.1), "more than 0 and at most 10"),
        (Range(64, 4096, multiple=32), (64, 96), (32, 65, 4128), "multiples of 32 from 64 to 4096"),
    ],
)
def test_ranges(allowed: Range, good: tuple[float, ...], bad: tuple[float, ...], said: str) -> None:
    assert str(allowed) == said
    assert all(allowed.holds(value) for value in good) and not any(allowed.holds(value) for value in bad)


def with_option(config: Any, name: str, value: object) -> Any:
    """The configuration with one option, named as on the command line, changed."""
    first, _, rest = name.partition(".")
    field = first.replace("-", "_")
    return replace(config, **{field: with_option(getattr(config, field), rest, value) if rest else value})


def numbers(config: Any, prefix: str = "") -> list[tuple[str, Any]]:
    found = []
    for field in fields(config):
        name, value = prefix + field.name.replace("_", "-"), getattr(config, field.name)
        if is_dataclass(value):
            found += numbers(value, f"{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((name, value))
    return found


@pytest.mark.parametrize(
    "name", [name for name, _ in numbers(DistDepthRecipeConfig()) if name not in CHOICES]
)
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, 10**12])
def test_no_number_of_distdepth_may_be_senseless(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{name.rpartition('.')[2].replace('-', '.')}.*{value:g}|{value}"):
        check_config(with_option(DistDepthRecipeConfig(data=("simsin:x:y",)), name, value))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["supervised", "--steps", "many"], "Error parsing --steps: .*'many'"),
        (["no-such-preset"], "Unrecognized options: no-such-preset"),
        (["rooms", "--lrr", "3"], "Unrecognized options: --lrr, 3"),
        (
            ["rooms", "--objective.mode", "x"],
            "invalid choice 'x' for argument '--objective.mode'. Expected one of",
        ),
        (["rooms", "--loader.size", "64"], "Missing value for argument '--loader.size'. Expected 2 values."),
        (["manydepth", "--multi-frame.layers", "19"], "19"),
        (["stereo", "--precision", "64"], "--precision"),
        (["stereo", "--depth.encoder", "vgg"], "encoder 'vgg' is not one of"),
        (
            ["stereo", "--data", "x:y", "--loader.size", "32", "32"],
            "--loader.size must be multiples of 32 from 64",
        ),
        (["stereo"], "no --data"),
    ],
)
def test_the_command_line_answers_in_one_line(
    args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        distdepth.main(args)
    assert "\n" not in str(error.value) and not set("│╭─") & set(str(error.value))
    assert capsys.readouterr().err == ""


def test_other_exits_of_a_parser_pass() -> None:
    def stop() -> None:
        raise SystemExit(0)

    with pytest.raises(SystemExit):
        parsed(stop)


def test_what_a_checkpoint_keeps_of_options_is_plain() -> None:
    plain = plain_options(DistDepthRecipeConfig(data=("a", "b")))
    assert (
        plain["data"] == ["a", "b"] and plain["loader.size"] == [192, 192] and plain["out"] == "out/distdepth"
    )
    assert plain["objective.distillation.weight"] == 0.05
    assert {type(value) for value in plain.values()} <= {str, int, float, bool, list}


@pytest.mark.parametrize(
    ("accelerator", "devices", "precision", "said"),
    [
        ("cuda", 1, "32-true", "--accelerator cuda with --devices 1: PyTorch sees 0 such devices"),
        ("gpu", 2, "32-true", "PyTorch sees 0 such devices"),
        ("mps", 1, "32-true", "PyTorch sees 0 such devices"),
        ("tpu", 1, "32-true", "must be one of cpu, cuda, gpu, mps, auto, got 'tpu'"),
        ("cpu", 1, "16-mixed", "16-mixed needs a GPU"),
        ("auto", 1, "16-mixed", "16-mixed needs a GPU"),
    ],
)
def test_devices_that_are_not_there_are_refused(
    accelerator: str, devices: int, precision: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(ConfigError, match=said):
        check_devices(accelerator, devices, precision)
    assert check_devices("auto", 2, "bf16-mixed") == "cpu"


def test_processes_of_other_launchers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (STARTED, "LOCAL_RANK", SLURM_TASKS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_NTASKS", "4")  # an allocation in which one plain command runs
    check_launcher(elastic=False)
    monkeypatch.setenv(SLURM_TASKS, "4")
    with pytest.raises(ConfigError, match="srun started 4 tasks"):
        check_launcher(elastic=False)
    monkeypatch.setenv(SLURM_TASKS, "1")
    monkeypatch.setenv("LOCAL_RANK", "3")
    with pytest.raises(ConfigError, match="LOCAL_RANK=3"):
        check_launcher(elastic=False)
    check_launcher(elastic=True)
    monkeypatch.setenv(STARTED, "1")
    check_launcher(elastic=False)
