# SPDX-License-Identifier: Apache-2.0
"""Model cards of schema 1, as those of schema 2. They are read for one release more."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from logging import getLogger
from typing import Any

from geo_perception.errors import WeightsError

logger = getLogger(__name__)

# Fields of schema 1 that schema 2 does not have, or has with another meaning -> where they are now.
FIELDS = {"inputs": "input.description", "outputs": "output.description", "recipe": "command"}
# The same of entries that schema 1 kept among the measurements.
METRICS = {
    "size": "input.size",
    "aspect": "input.aspect",
    "canonical_focal": "input.canonical_focal",
    "glance": "input.multi_scale.size",
    "glance_share": "input.multi_scale.share",
    "glance_model": "input.multi_scale.model",
    "mirror": "input.flip",
}


def migrate(values: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """The values of a card of schema 1 as those of schema 2; one warning names `origin` where something moved.

    Raises:
        WeightsError: an entry is there under its former and its present name.
    """
    metrics = dict(values.get("metrics") or {})
    moved = {path: values[name] for name, path in FIELDS.items() if values.get(name) is not None}
    moved |= {path: metrics.pop(name) for name, path in METRICS.items() if name in metrics}
    new = {name: value for name, value in values.items() if name not in FIELDS}
    if metrics or "metrics" in new:
        new["metrics"] = metrics
    for path, value in moved.items():
        _place(new, path, value, origin)
    if moved:
        _warn(origin, ", ".join(_former(path) for path in moved))
    return new


def _former(path: str) -> str:
    """The name in schema 1 of what schema 2 keeps at `path`, with its present one."""
    fields = {new: old for old, new in FIELDS.items()}
    metrics = {new: f"metrics.{old}" for old, new in METRICS.items()}
    return f"{ {**fields, **metrics}[path] } -> {path}"


def _place(values: dict[str, Any], path: str, value: Any, origin: str) -> None:
    """Put a value where `path` says. Raises WeightsError if there is one already."""
    *groups, last = path.split(".")
    for group in groups:
        values[group] = dict(values.get(group) or {})
        values = values[group]
    if values.get(last) is not None:
        raise WeightsError(f"{origin}: {_former(path)} is given by both names; keep {path}")
    values[last] = value


@cache  # a card is read more than once on the way to its network
def _warn(origin: str, moved: str) -> None:
    logger.warning(
        "%s is a card of schema 1, which the next release does not read; in schema 2: %s", origin, moved
    )
