# SPDX-License-Identifier: Apache-2.0
"""Ordered delivery to callbacks, outside every lock, one call at a time."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

_LOG = logging.getLogger(__name__)


class Delivery:
    """Calls registered callbacks with posted argument tuples; safe to use from several threads and from callbacks."""

    def __init__(self) -> None:
        self.errors = 0  # callbacks that raised
        self._callbacks: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self._outbox: deque[tuple[Any, ...]] = deque()
        self._lock = threading.Lock()
        self._running = False

    def register(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> int:
        """Call `callback(*posted, *args)` from now on; returns its number."""
        with self._lock:
            self._callbacks.append((callback, args))
            return len(self._callbacks) - 1

    def post(self, posted: Iterable[tuple[Any, ...]]) -> None:
        """Queue calls; nothing is kept while no callback is registered."""
        with self._lock:
            if self._callbacks:
                self._outbox.extend(posted)

    def run(self) -> None:
        """Make the queued calls, unless another thread, or a caller up the stack, is making them already."""
        while True:
            with self._lock:
                if self._running or not self._outbox:
                    return
                self._running = True
                posted, callbacks = self._outbox.popleft(), tuple(self._callbacks)
            try:
                self._call(posted, callbacks)
            finally:
                with self._lock:
                    self._running = False

    def _call(
        self, posted: tuple[Any, ...], callbacks: tuple[tuple[Callable[..., Any], tuple[Any, ...]], ...]
    ) -> None:
        for callback, args in callbacks:
            try:
                callback(*posted, *args)
            except (
                Exception
            ):  # whoever delivers is a subscription; its other callbacks and messages must go on
                self.errors += 1
                _LOG.exception("a callback of the synchroniser failed")
