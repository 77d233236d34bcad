# SPDX-License-Identifier: Apache-2.0
"""Newest frame wins: one thread works on the latest item, older ones that were not begun are dropped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from geo_perception.threads import NetworkThreads

T = TypeVar("T")


class NewestWorker(Generic[T]):
    """Runs `work(item)` on its own thread, always on the newest item offered.

    `work` must not raise: what goes wrong in a frame is its caller's to count and report.
    """

    def __init__(self, work: Callable[[T], None], name: str = "worker") -> None:
        self._work = work
        self._slot: list[T] = []  # empty or the one waiting item
        self._changed = threading.Condition()
        self._stopping = False
        self._period_s = 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def limit(self, rate_hz: float) -> None:
        """Start at most `rate_hz` items a second; 0 removes the limit."""
        with self._changed:
            self._period_s = 1 / rate_hz if rate_hz > 0 else 0.0
            self._changed.notify()

    def offer(self, item: T) -> bool:
        """Hand over an item. True if it replaced one that will now never be worked on."""
        with self._changed:
            replaced = bool(self._slot)
            self._slot = [item]
            self._changed.notify()
            return replaced

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Forget what waits, let the current item finish. False if that took longer than `timeout_s`."""
        with self._changed:
            self._stopping = True
            self._slot = []
            self._changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        begun = -float("inf")
        follow_free_cores = NetworkThreads()
        while True:
            with self._changed:
                if not self._wait(begun):
                    return
                item = self._slot.pop()
            begun = time.monotonic()
            follow_free_cores()
            self._work(item)

    def _wait(self, begun: float) -> bool:
        """Until there is an item and the rate allows it; False when stopping."""
        while not self._stopping:
            early_s = begun + self._period_s - time.monotonic()
            if self._slot and early_s <= 0:
                return True
            self._changed.wait(early_s if self._slot else None)
        return False
