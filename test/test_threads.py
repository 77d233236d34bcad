# SPDX-License-Identifier: Apache-2.0
"""How networks share a processor with others: who waits how, and how many threads there are."""

from __future__ import annotations

import math
import os
import threading
from pathlib import Path

import pytest
import torch

from geo_perception import threads
from geo_perception.threads import FollowedThreads, FreeCores, NetworkThreads

STAT = """cpu  400 0 200 5000 0 0 0 0 0 0
cpu0 100 10 50 1000 7 1 2 3 9 9
cpu1 200 20 60 1000 7 0 0 0 9 9
cpu12 900 0 0 0 0 0 0 0 0 0
intr 12
"""


class Machine:
    """Time, and what others and this process have used of it."""

    def __init__(self, cores: int) -> None:
        self.cores, self.now, self.others, self.own = frozenset(range(cores)), 0.0, 0.0, 0.0

    def free(self) -> FreeCores:
        return FreeCores(self.cores, lambda _: self.others + self.own, lambda: self.own, lambda: self.now)

    def work(self, seconds: float, others: float, own: float) -> None:
        self.now += seconds
        self.others += others * seconds
        self.own += own * seconds


def test_processor_time_of_the_cores_at_hand_only(tmp_path: Path) -> None:
    path = tmp_path / "stat"
    path.write_text(STAT)
    tick = os.sysconf("SC_CLK_TCK")
    assert threads.busy_seconds({0}, path) == pytest.approx(166 / tick)
    assert threads.busy_seconds({0, 1}, path) == pytest.approx((166 + 280) / tick)


@pytest.mark.parametrize(
    ("text", "cores"), [("150000 100000\n", 1.5), ("max 100000\n", math.inf), ("nonsense\n", math.inf)]
)
def test_quota_of_the_control_group(tmp_path: Path, text: str, cores: float) -> None:
    path, nothing = tmp_path / "cpu.max", (tmp_path / "a", tmp_path / "b")
    path.write_text(text)
    assert threads.quota_cores(path, nothing) == cores
    assert threads.quota_cores(tmp_path / "missing", nothing) == math.inf


@pytest.mark.parametrize(("quota", "cores"), [("50000", 0.5), ("-1", math.inf)])
def test_quota_of_the_older_control_groups(tmp_path: Path, quota: str, cores: float) -> None:
    old = tmp_path / "quota", tmp_path / "period"
    old[0].write_text(f"{quota}\n")
    old[1].write_text("100000\n")
    assert threads.quota_cores(tmp_path / "missing", old) == cores


def test_own_work_leaves_cores_free_and_that_of_others_does_not() -> None:
    machine = Machine(4)
    free = machine.free()
    assert free() == 4
    machine.work(2.0, others=0.0, own=4.0)
    assert free() == pytest.approx(4)
    machine.work(2.0, others=1.5, own=2.0)
    assert free() == pytest.approx(2.5)
    machine.work(1.0, others=9.0, own=0.0)  # steps of 10 ms can make more than there is
    assert free() == 0


def followed(machine: Machine, most: int) -> tuple[FollowedThreads, list[int]]:
    numbers: list[int] = []
    return FollowedThreads(most, machine.free(), numbers.append, lambda: machine.now), numbers


def test_threads_follow_a_busy_process_down_and_up_again() -> None:
    machine = Machine(2)
    follower, numbers = followed(machine, 2)
    for others in (0.1, 0.1, 0.67, 1.0, 1.0, 0.05, 0.05):
        machine.work(0.6, others, own=follower.number * 0.9)
        follower.follow()
    assert numbers == [1, 2]


def test_threads_are_looked_at_now_and_then_only() -> None:
    machine = Machine(2)
    follower, numbers = followed(machine, 2)
    for _ in range(4):
        machine.work(0.1, others=2.0, own=0.0)
        follower.follow()
    assert numbers == []
    machine.work(0.2, others=2.0, own=0.0)
    follower.follow()
    assert numbers == [1]


def test_threads_do_not_go_to_and_fro() -> None:
    follower, _ = followed(Machine(8), 8)
    assert [follower.wanted(free) for free in (7.6, 7.4, 4.5, 0.2, -0.1)] == [8, 7, 5, 1, 1]
    follower.number = 5
    assert [follower.wanted(free) for free in (4.6, 5.4, 5.69, 5.71, 8.0)] == [5, 5, 5, 6, 8]


def test_worker_thread_leaves_a_number_that_the_user_has_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads.chosen_number() == "OMP_NUM_THREADS=3"
    before = torch.get_num_threads()
    NetworkThreads()()
    assert torch.get_num_threads() == before


def test_worker_thread_takes_back_what_a_quota_withholds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in threads.NUMBER:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "allowed_cores", lambda: 1)
    seen: list[int] = []

    def work() -> None:
        torch.set_num_threads(4)
        NetworkThreads()()
        seen.append(torch.get_num_threads())

    before = torch.get_num_threads()
    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    torch.set_num_threads(before)
    assert seen == [1]
