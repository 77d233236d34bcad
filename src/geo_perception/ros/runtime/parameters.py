# SPDX-License-Identifier: Apache-2.0
"""Parameters of a node as a frozen dataclass: type, default, range, choices and description in one place.

A field made with `param` becomes a ROS parameter with a descriptor. A settings object is therefore always valid;
a change that is out of range, or that cannot take effect while the node runs, is rejected with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, TypeVar

from geo_perception.errors import ConfigError
from geo_perception.sync import Stream

NAN = "nan"  # as a choice

S = TypeVar("S")


@dataclass(frozen=True)
class Rule:
    """Rule for the values of a parameter, and whether a running node accepts changes of it."""

    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False
    formerly: str = ""  # its name in the release before: see `former_names`

    def problem(self, value: Any) -> str | None:
        """Why `value` is not allowed, or None."""
        if isinstance(value, float) and not math.isfinite(value):
            return f"must be finite, got {value}"
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(self.choices)}, got {value!r}"
        if self.low is not None and value < self.low:
            return f"must be at least {self.low}, got {value}"
        if self.high is not None and value > self.high:
            return f"must be at most {self.high}, got {value}"
        return None


def param(default: Any, description: str, **rule: Any) -> Any:
    """A dataclass field that is a ROS parameter; `rule` takes low, high, choices, live and formerly."""
    return field(default=default, metadata={"rule": Rule(description, **rule)})


def rule_of(item: Field[Any]) -> Rule:
    """The rule of a settings field."""
    rule: Rule = item.metadata["rule"]
    return rule


def check(settings: Any) -> None:
    """Call it in `__post_init__`: every field obeys its rule.

    Raises:
        ConfigError: naming the parameter, its value and what is allowed.
    """
    for item in fields(settings):
        problem = rule_of(item).problem(getattr(settings, item.name))
        if problem:
            raise ConfigError(f"parameter {item.name} {problem}")


def coerce(item: Field[Any], value: Any) -> Any:
    """A value of the field's own type; an integer is a fine float, a list becomes a tuple of floats.

    Raises:
        ConfigError: the value has another type.
    """
    if isinstance(item.default, tuple):
        if hasattr(value, "__iter__") and all(type(v) in (int, float) for v in value):
            return tuple(float(v) for v in value)
    elif isinstance(item.default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    elif type(value) is type(item.default):
        return value
    elif type(value) is float and math.isnan(value) and NAN in rule_of(item).choices:
        return NAN  # the word as ROS's parser of parameter files and command lines reads it
    elif type(value) is bool and {"on", "off"} <= set(rule_of(item).choices):
        return "on" if value else "off"  # which YAML 1.1 takes for true and false
    expected = "a list of numbers" if isinstance(item.default, tuple) else type(item.default).__name__
    hint = f": write it in quotes, '{value}'" if isinstance(item.default, str) and value is not None else ""
    raise ConfigError(
        f"parameter {item.name} must be {expected}, got {value!r} ({type(value).__name__}){hint}"
    )


def coerced(kind: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """The values that belong to `kind`, each of its field's type and within its rule.

    Raises:
        ConfigError: wrong type or value.
    """
    new: dict[str, Any] = {}
    for item in fields(kind):
        if item.name in values:
            new[item.name] = coerce(item, values[item.name])
            problem = rule_of(item).problem(new[item.name])
            if problem:
                raise ConfigError(f"parameter {item.name} {problem}")
    return new


def changed(settings: S, values: dict[str, Any]) -> S:
    """Settings of a configured node with some values replaced; names that are no field belong to others.

    Raises:
        ConfigError: wrong type or value, or the parameter cannot change while the node is configured.
    """
    new = coerced(type(settings), values)
    for item in fields(settings):  # type: ignore[arg-type]  # S is bound to a dataclass, which mypy does not see
        same = item.name not in new or new[item.name] == getattr(settings, item.name)
        if not same and not rule_of(item).live:
            raise ConfigError(
                f"parameter {item.name} takes effect when the node is configured: clean up, set, configure again"
            )
    return replace(settings, **new)  # type: ignore[type-var]  # S is bound to a dataclass, which mypy does not see


def describe(kind: type[Any]) -> Iterable[tuple[str, Any, Rule]]:
    """(name, default, rule) of every parameter, for documentation and for checking YAML files."""
    for item in fields(kind):
        yield item.name, item.default, rule_of(item)


@dataclass(frozen=True)
class RuntimeSettings:
    """Load, and thresholds of the diagnostics."""

    input_depth: int = param(10, "queue length of each subscription", low=1, high=1000)
    max_rate_hz: float = param(0.0, "most frames to start per second; 0: no limit", low=0.0, live=True)
    warn_missing_s: float = param(1.0, "WARN when an input is silent for longer", low=0.0, live=True)
    error_missing_s: float = param(5.0, "ERROR when an input is silent for longer", low=0.0, live=True)
    warn_age_s: float = param(0.5, "WARN when 5% of outputs are older (now - stamp)", low=0.0, live=True)
    error_age_s: float = param(2.0, "ERROR when 5% of outputs are older", low=0.0, live=True)
    warn_rate_hz: float = param(0.0, "WARN when fewer outputs per second; 0: never", low=0.0, live=True)

    def __post_init__(self) -> None:
        check(self)
        for warn, error in (("warn_missing_s", "error_missing_s"), ("warn_age_s", "error_age_s")):
            if getattr(self, warn) > getattr(self, error):
                raise ConfigError(
                    f"parameter {warn} {getattr(self, warn)} exceeds {error} {getattr(self, error)}"
                )


@dataclass(frozen=True)
class MatchedSettings(RuntimeSettings):
    """Matching of several topics by stamp."""

    timeout_s: float = param(
        0.2,
        "how long to wait for a better or missing partner before taking what is there",
        low=0.0,
        live=True,
    )

    def streams(self) -> list[Stream]:
        """Return the streams of the synchroniser, the pivot first. Every node has its own."""
        raise NotImplementedError  # no default can be right; a node that forgets it is told so
