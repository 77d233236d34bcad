# SPDX-License-Identifier: Apache-2.0
"""Settings as ROS parameters: declaration and descriptors."""

from __future__ import annotations

import math
from dataclasses import Field, fields
from typing import Any, TypeVar

from geo_perception.errors import ConfigError
from geo_perception.ros.runtime.former_names import former_names, present_names, renaming_lines
from geo_perception.ros.runtime.parameters import coerce, rule_of

S = TypeVar("S")


def declare(node: Any, kind: type[S]) -> S:
    """Declare every field of `kind` as a parameter of the node and read the values given at start.

    Raises:
        ConfigError: the first value that is not allowed, or is given by two names, in one line.
    """
    values: dict[str, Any] = {}
    renamed = _given_by_former_names(node, kind)
    for item in fields(kind):  # type: ignore[arg-type]  # S is bound to a dataclass, which mypy does not see
        if not node.has_parameter(item.name):
            _declare_one(node, item, renamed.get(item.name, item.default))
        values[item.name] = coerce(item, node.get_parameter(item.name).value)
    return kind(**values)


def _given_by_former_names(node: Any, kind: type[Any]) -> dict[str, Any]:
    """Present name -> value, of parameters that the command line or a file gives by their former names."""
    former = former_names(kind)
    given = {name: parameter.value for name, parameter in node._parameter_overrides.items()}
    by_present_name = present_names(given, former)
    renamed = {old: new for old, new in former.items() if old in given and not node.has_parameter(new)}
    for line in renaming_lines(renamed, former):
        node.get_logger().warning(f"parameter {line}")
    return {new: by_present_name[new] for new in renamed.values()}


def _declare_one(node: Any, item: Field[Any], value: Any) -> None:
    """Declare a parameter that has this value unless the command line or a file gives another."""
    from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException

    default = list(value) if isinstance(value, tuple) else value
    try:
        node.declare_parameter(item.name, default, descriptor(item))
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        raise ConfigError(f"parameter {item.name}: {error}") from error


def descriptor(item: Field[Any]) -> Any:
    """The rcl_interfaces/ParameterDescriptor of a field.

    Types are checked here and not by rclpy, which would refuse `max_rate_hz: 5` for not being 5.0 and takes an
    empty list for bytes.
    """
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, ParameterType

    rule = rule_of(item)
    out = ParameterDescriptor(name=item.name, description=rule.description, dynamic_typing=True)
    notes = [] if rule.live else ["takes effect when the node is configured"]
    if rule.choices:
        notes.insert(0, "one of " + ", ".join(c or "''" for c in rule.choices))
    out.additional_constraints = "; ".join(notes)
    low, high = rule.low, rule.high
    if isinstance(item.default, float) and (low is not None or high is not None):
        out.type = ParameterType.PARAMETER_DOUBLE
        bounds = FloatingPointRange(from_value=_bound(low, -math.inf), to_value=_bound(high, math.inf))
        out.floating_point_range = [bounds]
    elif type(item.default) is int and low is not None and high is not None:
        out.type = ParameterType.PARAMETER_INTEGER
        out.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return out


def _bound(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)
