# SPDX-License-Identifier: Apache-2.0
"""Health of a node: rates, ages, stage times, drops, errors. Pure Python, thread safe."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

WINDOW_S = (
    5.0  # rates are means over this long: short enough to notice a stall, long enough for a 1 Hz sensor
)
AGES_KEPT = 600  # a minute at a lidar's 10 Hz: enough for a meaningful 99th percentile
KINDS_KEPT = 50  # what a message says may be part of a kind, so that there is no end of kinds
REPEAT_S = 10.0  # the same trouble is reported again after this long


@dataclass(frozen=True)
class HealthReport:
    """One moment's figures; times in seconds unless the name says otherwise."""

    rates_in_hz: dict[str, float]
    silence_s: dict[str, float]  # since the last message of each input, or since the start
    ever_arrived: dict[str, bool]
    rate_out_hz: float
    produced: int
    age_ms: dict[str, float]  # p50, p95, p99 of now - stamp; empty before the first output
    stages_ms: dict[str, float]  # median per stage
    drops: dict[str, int]
    troubles: dict[str, int]  # text of each kind of error and how often it came
    recent_trouble: str = ""  # the latest one if it is younger than the rate window
    degraded: str = ""  # what the latest output had to do without


def percentile(ordered: list[float], share: float) -> float:
    """The nearest-rank percentile of sorted values."""
    return ordered[min(len(ordered) - 1, max(0, round(share * (len(ordered) - 1))))]


class Health:
    """Collects events from the executor's thread and the worker's."""

    def __init__(self, inputs: Iterable[str], now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._started = now()
        self._arrivals: dict[str, deque[float]] = {name: deque(maxlen=2000) for name in inputs}
        self._last: dict[str, float] = {}
        self._outputs: deque[float] = deque(maxlen=2000)
        self._ages: deque[float] = deque(maxlen=AGES_KEPT)
        self._stages: dict[str, deque[float]] = {}
        self._drops: Counter[str] = Counter()
        self._troubles: Counter[str] = Counter()
        self._texts: dict[str, str] = {}
        self._reported: dict[str, float] = {}
        self._latest: tuple[float, str] = (-float("inf"), "")
        self._produced = 0
        self._degraded = ""

    def arrived(self, name: str) -> None:
        """A message of an input came in."""
        with self._lock:
            self._last[name] = self._now()
            self._arrivals[name].append(self._last[name])

    def dropped(self, reason: str, count: int = 1) -> None:
        """A matched set will not be worked on, or its result was not published."""
        with self._lock:
            self._drops[reason] += count

    def produced(self, age_s: float, stages_ms: Mapping[str, float], degraded: str = "") -> None:
        """An answer was published; `degraded` says what it had to do without."""
        with self._lock:
            self._produced += 1
            self._degraded = degraded
            self._outputs.append(self._now())
            self._ages.append(age_s * 1e3)
            for stage, spent in stages_ms.items():
                self._stages.setdefault(stage, deque(maxlen=100)).append(spent)

    def trouble(self, kind: str, text: str) -> int:
        """Count an error. Returns how often this kind has come if it should be logged now, else 0."""
        with self._lock:
            now = self._now()
            if kind not in self._troubles and len(self._troubles) >= KINDS_KEPT:
                kind = "others"
            self._troubles[kind] += 1
            self._texts[kind] = text
            self._latest = (now, text)
            if now - self._reported.get(kind, -float("inf")) < REPEAT_S:
                return 0
            self._reported[kind] = now
            return self._troubles[kind]

    def never_arrived(self, after_s: float) -> list[str]:
        """Inputs without a message yet, once `after_s` have passed since the start."""
        with self._lock:
            waiting = self._now() - self._started > after_s
            return [name for name in self._arrivals if waiting and name not in self._last]

    def report(self) -> HealthReport:
        """The figures of this moment."""
        with self._lock:
            now = self._now()
            ages = sorted(self._ages)
            shares = {"p50": 0.50, "p95": 0.95, "p99": 0.99} if ages else {}
            since = {name: now - self._last.get(name, self._started) for name in self._arrivals}
            return HealthReport(
                rates_in_hz={name: self._rate(times, now) for name, times in self._arrivals.items()},
                silence_s=since,
                ever_arrived={name: name in self._last for name in self._arrivals},
                rate_out_hz=self._rate(self._outputs, now),
                produced=self._produced,
                age_ms={name: percentile(ages, share) for name, share in shares.items()},
                stages_ms={stage: median(times) for stage, times in self._stages.items()},
                drops=dict(self._drops),
                troubles={self._texts[kind]: count for kind, count in self._troubles.items()},
                recent_trouble=self._latest[1] if now - self._latest[0] < WINDOW_S else "",
                degraded=self._degraded,
            )

    def _rate(self, times: deque[float], now: float) -> float:
        recent = sum(1 for t in reversed(times) if now - t <= WINDOW_S)
        span = min(WINDOW_S, max(now - self._started, 1e-9))
        return recent / max(span, 1.0)
