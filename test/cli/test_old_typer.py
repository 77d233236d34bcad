# SPDX-License-Identifier: Apache-2.0
"""Commands are written so that Typer 0.9, which Ubuntu 24.04 has, understands them as later ones do."""

from __future__ import annotations

import inspect
import types
from importlib import import_module

import pytest

from geo_perception import cli

COMMANDS = [
    pytest.param(command.callback, id=f"{verb} {command.callback.__name__}")
    for verb, place in cli.VERBS.items()
    for command in import_module(place.split(":")[0]).app.registered_commands
]


@pytest.mark.parametrize("callback", COMMANDS)
def test_parameters_are_no_strings_and_no_unions_of_the_new_kind(callback: types.FunctionType) -> None:
    """Typer before 0.12.4 loses what Annotated says where annotations are strings, and dies of `Path | None`."""
    for name, parameter in inspect.signature(callback).parameters.items():
        kind = parameter.annotation
        assert not isinstance(kind, str), f"{name}: no `from __future__ import annotations` here"
        bare = getattr(kind, "__origin__", kind) if hasattr(kind, "__metadata__") else kind
        assert not isinstance(bare, types.UnionType), f"{name}: Optional[...] instead of {bare}"
