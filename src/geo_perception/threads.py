# SPDX-License-Identifier: Apache-2.0
"""Number of intra-op threads on processors that have other work, too.

A network runs over a hundred parallel regions an image, with a barrier after each. GNU's OpenMP library, which PyTorch
brings, lets a thread turn round at a barrier 300000 times (9 ms) before it sleeps. While every thread has a core that
is the fastest way; where another process holds one of the cores, the threads that turn round keep theirs from the one
they wait for, barrier by barrier. So waiting ends sooner (see `spinning`), and a node takes only as many threads as
cores are free.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NUMBER = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")  # a user who set either has chosen
BUSY_FIELDS = (
    0,
    1,
    2,
    5,
    6,
    7,
)  # user, nice, system, irq, softirq, steal of a line in /proc/stat: proc_stat(5)
QUOTA_V2 = Path("/sys/fs/cgroup/cpu.max")
QUOTA_V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
STAT = Path("/proc/stat")


def chosen_number(environ: Mapping[str, str] | None = None) -> str:
    """Return the variable by which the user has fixed the number of threads, as NAME=VALUE; empty: none."""
    variables = os.environ if environ is None else environ
    return next((f"{name}={variables[name]}" for name in NUMBER if variables.get(name)), "")


def allowed_cores() -> int:
    """Count the cores that this process may use: its affinity, and the quota of its control group (docker --cpus)."""
    return max(1, math.floor(min(float(len(os.sched_getaffinity(0))), quota_cores())))


def quota_cores(version_2: Path = QUOTA_V2, version_1: tuple[Path, Path] = QUOTA_V1) -> float:
    """Read the control group's quota in cores; infinite where there is no quota or no such file."""
    try:
        quota, period = version_2.read_text().split()
        return math.inf if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):  # no control groups of version 2 here
        pass
    try:
        microseconds, period_us = (int(path.read_text()) for path in version_1)
    except (OSError, ValueError):
        return math.inf
    return microseconds / period_us if microseconds > 0 else math.inf


def busy_seconds(cores: Collection[int], stat: Path = STAT) -> float:
    """Read the processor time that these cores have spent since boot, by all processes, seconds.

    Raises:
        OSError: there is no such file (not Linux).
    """
    ticks = 0
    for line in stat.read_text().splitlines():
        name, *values = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cores:
            ticks += sum(int(values[index]) for index in BUSY_FIELDS if index < len(values))
    return ticks / os.sysconf("SC_CLK_TCK")


@dataclass
class FreeCores:
    """Measurement of this process's cores that no other process used since the last call."""

    cores: frozenset[int] = field(default_factory=lambda: frozenset(os.sched_getaffinity(0)))
    busy: Callable[[Collection[int]], float] = busy_seconds
    own: Callable[[], float] = time.process_time  # of this process, all threads
    now: Callable[[], float] = time.monotonic
    _before: tuple[float, float, float] | None = None

    def __call__(self) -> float:
        """Return a number from 0 to the number of cores; all of them at the first call."""
        after = (self.now(), self.busy(self.cores), self.own())
        before, self._before = self._before, after
        if before is None or after[0] <= before[0]:
            return float(len(self.cores))
        elapsed, busy, own = (b - a for a, b in zip(before, after, strict=True))
        return len(self.cores) - min(max(0.0, (busy - own) / elapsed), float(len(self.cores)))


class FollowedThreads:
    """Adapts the calling thread's number of intra-op threads to the cores that are free.

    A network with fewer threads than cores is slower than with all while the machine is idle, but never waits for a
    thread that waits for a core.
    """

    PERIOD_S = 0.5  # between two measurements: processor times count in steps of 10 ms
    UP = 0.3  # one more thread when this much less than a core of others is left, so that it does not go to and fro

    def __init__(
        self,
        most: int,
        free: Callable[[], float],
        apply: Callable[[int], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to follow.

        Args:
            most: number of threads on an idle machine.
            free: measures the cores that are free.
            apply: sets the number of threads.
            now: clock, seconds.
        """
        self.number = self.most = most
        self._free, self._apply, self._now = free, apply, now
        self._looked = now()
        free()  # from now on

    def follow(self) -> None:
        """Measure now and then and change the number if needed; to be called before each image."""
        if self._now() - self._looked < self.PERIOD_S:
            return
        self._looked = self._now()
        wanted = self.wanted(self._free())
        if wanted != self.number:
            self.number = wanted
            self._apply(wanted)

    def wanted(self, free: float) -> int:
        """Compute the threads for free cores, 1 to `most`: rounded, but upwards only when more than that is free."""
        more, fewer = math.floor(free + self.UP), math.floor(free + 0.5)
        return max(1, min(self.most, more if more > self.number else min(self.number, fewer)))


class NetworkThreads:
    """Hook for a worker's thread before each image: its networks get as many intra-op threads as cores are free.

    It does nothing where the user has fixed the number, without PyTorch, or on a single core. PyTorch's threads for
    cores that a quota withholds are removed at once.
    """

    def __init__(self) -> None:
        self._begun = bool(chosen_number()) or not STAT.exists()
        self._followed: FollowedThreads | None = None

    def __call__(self) -> None:
        torch = sys.modules.get("torch")  # not imported for this: `fusion:=confidence` does without
        if not self._begun and torch is not None:
            self._begun = True
            self._followed = self._first(torch)
        if self._followed is not None:
            self._followed.follow()

    @staticmethod
    def _first(torch: Any) -> FollowedThreads | None:
        most = min(torch.get_num_threads(), allowed_cores())
        if most < torch.get_num_threads():
            torch.set_num_threads(most)
        return FollowedThreads(most, FreeCores(), torch.set_num_threads) if most > 1 else None
