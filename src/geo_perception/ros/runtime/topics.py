# SPDX-License-Identifier: Apache-2.0
"""Topics of a node as data: a node subscribes and publishes by it, and its page in docs/ is generated from it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Topic:
    """A subscription or a publisher."""

    name: str  # relative, so that launch files can remap it
    type: str  # such as sensor_msgs/msg/Image
    description: str


def message_class(kind: str) -> Any:
    """The Python class of a type such as sensor_msgs/msg/Image; ImportError if its package is not installed."""
    package, _, name = kind.rpartition("/")
    return getattr(importlib.import_module(package.replace("/", ".")), name)


def message_classes(topics: Iterable[Topic]) -> dict[str, Any]:
    """Topic name -> message class; ImportError if a package of messages is not installed."""
    return {topic.name: message_class(topic.type) for topic in topics}
