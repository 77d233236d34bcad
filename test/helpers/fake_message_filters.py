# SPDX-License-Identifier: Apache-2.0
"""message_filters.Subscriber for machines without the package: a subscription with `registerCallback`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Subscriber:
    def __init__(self, node: Any, message: Any, topic: str, qos_profile: Any = 10) -> None:
        self._callbacks: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self.sub = node.create_subscription(message, topic, self.callback, qos_profile=qos_profile)

    def registerCallback(self, callback: Callable[..., Any], *args: Any) -> int:
        self._callbacks.append((callback, args))
        return len(self._callbacks) - 1

    def callback(self, message: Any) -> None:
        for callback, args in self._callbacks:
            callback(message, *args)
