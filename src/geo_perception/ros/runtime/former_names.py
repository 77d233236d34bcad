# SPDX-License-Identifier: Apache-2.0
"""Parameters and launch arguments by the names they had in the release before: accepted, and warned about.

A settings field tells its former name itself: `param(..., formerly="mirror")`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from geo_perception.errors import ConfigError
from geo_perception.ros.runtime.parameters import rule_of

V = TypeVar("V")


def former_names(settings: type[Any]) -> dict[str, str]:
    """Former name -> present one, of the fields that have been renamed."""
    return {rule_of(item).formerly: item.name for item in fields(settings) if rule_of(item).formerly}


def present_names(given: Mapping[str, V], former: Mapping[str, str]) -> dict[str, V]:
    """Values under the present names, in their order.

    Raises:
        ConfigError: something is given by both of its names.
    """
    for old, new in former.items():
        if old in given and new in given:
            raise ConfigError(f"{old!r} is called {new!r} now, and both are given: keep {new!r}")
    return {former.get(name, name): value for name, value in given.items()}


def renaming_lines(given: Collection[str], former: Mapping[str, str]) -> list[str]:
    """A warning for each former name among those given."""
    return [
        f"{old!r} is called {new!r} now; the next release does not take the former name"
        for old, new in former.items()
        if old in given
    ]
