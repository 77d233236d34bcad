# SPDX-License-Identifier: Apache-2.0
"""Options of training recipes and commands, whatever is typed: a configuration comes out, or one error of ours."""

from __future__ import annotations

import tempfile
from contextlib import redirect_stdout, suppress
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import tyro
from helpers.mutation import EXAMPLES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo_perception.cli.weights import parse_settings
from geo_perception.errors import GeoPerceptionError
from geo_perception.outputs import check_file, check_folder
from geo_perception.weights import check_model_folder
from training.depth.config import PRESETS, DistDepthRecipeConfig, check_config
from training.depth.model_card import command_line
from training.options import check_options, parsed, plain_options
from training.recipes import scadc

fuzzed = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)

NUMBERS = (
    st.integers(-(10**12), 10**12).map(str)
    | st.floats().map(str)
    | st.sampled_from(("0", "-0", "1e400", "0x10", "\uff11"))
)
WORDS = st.text(max_size=8).filter(lambda text: not text.startswith("-"))
OPTIONS = tuple(sorted(plain_options(DistDepthRecipeConfig())))
PLAIN = tuple(sorted(plain_options(scadc.ScadcRecipeConfig())))


def one_line(error: GeoPerceptionError) -> None:
    assert "\n" not in str(error) and str(error)


def parse(read: Any, args: list[str]) -> Any:
    """The configuration, or None where the parser's own help ended it."""
    with redirect_stdout(StringIO()):
        try:
            return parsed(partial(read, args=args))
        except SystemExit as stop:
            assert not stop.code
    return None


@fuzzed
@given(
    st.sampled_from(sorted(PRESETS)),
    st.lists(
        st.tuples(st.sampled_from(OPTIONS), st.lists(NUMBERS | WORDS, min_size=1, max_size=2)), max_size=3
    ),
)
def test_options_of_distdepth(preset: str, given_options: list[tuple[str, list[str]]]) -> None:
    words = [word for name, values in given_options for word in (f"--{name}", *values)]
    read = partial(tyro.extras.overridable_config_cli, PRESETS)
    try:
        config = parse(read, [preset, "--data", "simsin:a:b", *words])
        if config is None:
            return
        check_config(config)
        assert command_line(config)
    except GeoPerceptionError as error:
        one_line(error)


@fuzzed
@given(
    st.lists(st.tuples(st.sampled_from(PLAIN), st.lists(NUMBERS | WORDS, min_size=1, max_size=4)), max_size=3)
)
def test_options_of_scadc(given_options: list[tuple[str, list[str]]]) -> None:
    words = [word for name, values in given_options for word in (f"--{name}", *values)]
    try:
        config = parse(partial(tyro.cli, scadc.ScadcRecipeConfig), words)
        if config is None:
            return
        check_options(config)
        assert scadc.command_line(config)
    except GeoPerceptionError as error:
        one_line(error)


@fuzzed
@given(st.lists(st.text(max_size=12), max_size=4))
def test_any_words(words: list[str]) -> None:
    for read in (
        partial(tyro.cli, scadc.ScadcRecipeConfig),
        partial(tyro.extras.overridable_config_cli, PRESETS),
    ):
        try:
            parse(read, words)
        except GeoPerceptionError as error:
            one_line(error)


@fuzzed
@given(st.lists(st.text(max_size=12) | st.text(max_size=6).map(lambda text: f"key={text}"), max_size=3))
def test_settings_of_networks(settings_: list[str]) -> None:
    with suppress(GeoPerceptionError):
        assert isinstance(parse_settings(settings_), dict)


@fuzzed
@given(st.text(min_size=1, max_size=300))
def test_places_of_any_name(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / name.lstrip("/").replace("..", "")  # nowhere else
        for check in (check_folder, check_file, check_model_folder):
            with suppress(GeoPerceptionError):
                check(place)
        assert list(Path(folder).iterdir()) == []
