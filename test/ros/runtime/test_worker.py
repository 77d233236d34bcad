# SPDX-License-Identifier: Apache-2.0
"""Newest frame wins, nothing is begun twice, stopping forgets what waits."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest

from geo_perception.ros.runtime.worker import NewestWorker

LIMIT_S = 20.0


class Bench:
    """A worker whose items begin and end when the test says."""

    def __init__(self) -> None:
        self.begun: queue.Queue[int] = queue.Queue()
        self.go = threading.Semaphore(0)
        self.worker = NewestWorker(self.work)

    def work(self, item: int) -> None:
        self.begun.put(item)
        assert self.go.acquire(timeout=LIMIT_S)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.go.release(1000)
    assert bench.worker.stop(LIMIT_S)


def test_of_what_came_during_work_only_the_newest_is_done(bench: Bench) -> None:
    assert not bench.worker.offer(1)
    assert bench.begun.get(timeout=LIMIT_S) == 1
    assert [bench.worker.offer(i) for i in (2, 3, 4)] == [False, True, True]
    bench.go.release()
    assert bench.begun.get(timeout=LIMIT_S) == 4
    bench.go.release()
    assert bench.begun.empty()


def test_rate_limit_holds_the_newest_back_until_it_is_lifted(bench: Bench) -> None:
    bench.go.release(10)
    bench.worker.limit(1e-6)
    bench.worker.offer(1)
    assert bench.begun.get(timeout=LIMIT_S) == 1  # the first goes at once
    bench.worker.offer(2)
    assert bench.worker.offer(3)  # 2 was still waiting
    bench.worker.limit(0)
    assert bench.begun.get(timeout=LIMIT_S) == 3


def test_stop_waits_for_the_item_in_work_and_forgets_the_next(bench: Bench) -> None:
    bench.worker.offer(1)
    bench.begun.get(timeout=LIMIT_S)
    bench.worker.offer(2)
    assert not bench.worker.stop(0.0)
    bench.go.release(2)
    assert bench.worker.stop(LIMIT_S)
    assert bench.begun.empty()
