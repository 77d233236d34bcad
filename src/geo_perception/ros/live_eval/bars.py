# SPDX-License-Identifier: Apache-2.0
"""Progress bars of a live evaluation: results in lockstep, then seconds, because real time drops frames."""

from __future__ import annotations

import time
from types import TracebackType

from geo_perception.progress import SECOND, Progress
from geo_perception.ros.live_eval.phases import LOCKSTEP, PHASE_TITLES, REAL_TIME


class PhaseBars:
    """One bar for each phase; a context manager."""

    def __init__(self, frames: int, seconds: int) -> None:
        """Prepare the bars.

        Args:
            frames: number of frames of the lockstep phase.
            seconds: duration of the real-time phase.
        """
        self._seconds, self._began = seconds, 0.0
        self._bar = Progress(PHASE_TITLES[LOCKSTEP], frames)

    def next_phase(self) -> None:
        """Begin the real-time phase."""
        self._bar.close()
        self._began = time.monotonic()
        self._bar = Progress(PHASE_TITLES[REAL_TIME], self._seconds, SECOND)

    def show(self, answers: int) -> None:
        """Bring the bar up to date."""
        done = min(int(time.monotonic() - self._began), self._seconds) if self._began else answers
        if done > self._bar.n:
            self._bar.update(done - self._bar.n)

    def __enter__(self) -> PhaseBars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
