# SPDX-License-Identifier: Apache-2.0
"""Launch arguments: those of every graph, and one for each parameter of its nodes, made from their settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import Field, dataclass, fields
from typing import Any

import numpy as np

from geo_perception.errors import ConfigError, InputError
from geo_perception.geometry import se3
from geo_perception.ros.runtime.parameters import rule_of

TRUE, FALSE = ("true", "on", "yes", "1"), ("false", "off", "no", "0")
BOOLEANS = ("true", "false")
LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")
EMPTY = " (not given: as in the parameter file)"


@dataclass(frozen=True)
class Argument:
    """A launch argument. One with a node's parameter sets that parameter unless its value is empty."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()
    parameter: Field[Any] | None = None  # the settings field it fills
    switch: bool = False  # takes true and false, however they are spelt

    @property
    def help(self) -> str:
        """Description and what is allowed."""
        allowed = BOOLEANS if self.switch else self.choices
        return f"{self.description}." + (f" One of {', '.join(allowed)}." if allowed else "")

    def check(self, value: str) -> str:
        """The value as it is passed on; ConfigError saying what is allowed if it is not."""
        if value == self.default:
            return value
        if self.switch:
            return self._truth(value)
        if self.choices and value not in self.choices:
            raise ConfigError(f"{self.name} must be one of {', '.join(self.choices)}, got {value!r}")
        if self.parameter is not None and value:
            self.yaml(value)
        return value

    def _truth(self, value: str) -> str:
        word = value.lower()
        if value and word not in (*TRUE, *FALSE):
            raise ConfigError(f"{self.name} must be true or false, got {value!r}")
        return value and BOOLEANS[word in FALSE]

    def yaml(self, value: str) -> str:
        """The value as YAML of the parameter's type, so that a name that looks like a number stays a name.

        Raises:
            ConfigError: it is not of that type, or out of range.
        """
        if self.switch:
            return self._truth(value)
        default = "" if self.parameter is None else self.parameter.default
        if isinstance(default, tuple):
            return json.dumps(_matrix(self.name, value))
        if type(default) not in (int, float):
            return json.dumps(value)
        number = _number(self.name, value, type(default))
        problem = self.parameter and rule_of(self.parameter).problem(number)
        if problem:
            raise ConfigError(f"{self.name} {problem}")
        # with a point and without an exponent, in which ROS's parser sees a text
        return str(number) if isinstance(number, int) else np.format_float_positional(number, trim="0")


def _number(name: str, value: str, kind: type[Any]) -> int | float:
    try:
        number: int | float = kind(value)
    except ValueError as error:
        wanted = "an integer" if kind is int else "a number"
        raise ConfigError(f"{name} must be {wanted}, got {value!r}") from error
    return number


def _matrix(name: str, value: str) -> list[float]:
    """16 numbers, with commas or without."""
    try:
        numbers = [float(v) for v in value.strip("[] ").replace(",", " ").split()]
        return [float(v) for v in se3.check_transform(numbers).reshape(-1)]
    except (ValueError, InputError) as error:
        raise ConfigError(f"{name}: {error}") from error


def parse_arguments(words: Iterable[str]) -> dict[str, str]:
    """`name:=value` words as a mapping, the last of equal names counting.

    Raises:
        ConfigError: a word of another form.
    """
    out: dict[str, str] = {}
    for word in words:
        name, separator, value = word.partition(":=")
        if not separator or not name:
            raise ConfigError(f"launch arguments look like name:=value, got {word!r}")
        out[name] = value
    return out


COMMON = (
    Argument("namespace", "", "namespace of all nodes and their relative topics"),
    Argument("params_file", "", "parameter file; empty: the one of the package"),
    Argument("remap", "", "further remappings, such as 'left/camera_info:=/cam/info points:=/scan'"),
    Argument("use_sim_time", "", f"take time from /clock{EMPTY}", switch=True),
    Argument("autostart", "", f"configure and activate without a lifecycle manager{EMPTY}", switch=True),
    Argument("rviz", "false", "start RViz with the layout of this graph", switch=True),
    Argument("fixed_frame", "", "fixed frame of RViz; empty: the frame of the camera's own messages"),
    Argument("log_level", "info", "least severe log level shown", LOG_LEVELS),
)
EVERY_NODE = ("use_sim_time", "autostart")  # parameters that are no settings


def parameter_names(settings: type[Any]) -> tuple[str, ...]:
    """Arguments that are parameters of a node with these settings."""
    return (*EVERY_NODE, *(item.name for item in fields(settings)))


def former_arguments(arguments: Iterable[Argument]) -> dict[str, str]:
    """Former name -> present one, of the arguments whose parameters have been renamed."""
    parameters = (argument.parameter for argument in arguments)
    return {rule_of(item).formerly: item.name for item in parameters if item and rule_of(item).formerly}


def graph_arguments(own: Sequence[Argument], settings: Iterable[type[Any]]) -> tuple[Argument, ...]:
    """Arguments of a graph: its own, its nodes' parameters in the order of their settings, and those of all graphs."""
    parameters = {item.name: _of_parameter(item) for kind in settings for item in fields(kind)}
    return (*own, *parameters.values(), *COMMON)


def _of_parameter(item: Field[Any]) -> Argument:
    rule = rule_of(item)
    switch = isinstance(item.default, bool)
    return Argument(item.name, "", f"{rule.description}{EMPTY}", rule.choices, item, switch)
