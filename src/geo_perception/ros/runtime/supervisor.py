# SPDX-License-Identifier: Apache-2.0
"""Runs the processes of a graph together: one fails, all stop; SIGINT and SIGTERM are handed on."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

from geo_perception.ros.runtime.exits import exit_text, program_name

ESCALATION = ((signal.SIGINT, 8.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0))  # and seconds to obey


class Supervisor:
    """A group of child processes in sessions of their own, so that a terminal's Ctrl-C reaches them once."""

    def __init__(self, commands: Sequence[Sequence[str]], env: Mapping[str, str]) -> None:
        self._events: queue.SimpleQueue[subprocess.Popen[bytes] | None] = (
            queue.SimpleQueue()
        )  # None: a signal
        self._children = [subprocess.Popen(list(c), env=dict(env), start_new_session=True) for c in commands]
        for child in self._children:
            threading.Thread(target=self._watch, args=(child,), daemon=True).start()

    def _watch(self, child: subprocess.Popen[bytes]) -> None:
        child.wait()
        self._events.put(child)

    def run(self) -> int:
        """Wait until all have ended, one has failed, or a signal comes; then stop what still runs.

        Call it from the main thread.

        Returns:
            0 when told to stop or all ended well, else the first bad exit code (128 + n for signal n).
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._events.put(None))
        code = 0
        for _ in self._children:
            child = self._events.get()
            if child is None:
                break
            code = child.returncode if child.returncode >= 0 else 128 - child.returncode
            if code:
                self._say(child)
                break
        self.stop()
        return code

    @staticmethod
    def _say(child: subprocess.Popen[bytes]) -> None:
        """Print which process a signal ended; one that ended by itself has printed its reason."""
        if child.returncode < 0:
            name = program_name(child.args)  # type: ignore[arg-type]  # they are ours: a list of words
            print(f"{name} (pid {child.pid}) was ended by {exit_text(child.returncode)}", file=sys.stderr)

    def stop(self) -> None:
        """End what still runs, gently first."""
        for number, limit_s in ESCALATION:
            running = [child for child in self._children if child.poll() is None]
            for child in running:
                child.send_signal(number)
            for child in running:
                _wait(child, limit_s)


def _wait(child: subprocess.Popen[bytes], limit_s: float) -> None:
    try:
        child.wait(limit_s)
    except subprocess.TimeoutExpired:
        return  # the next signal is stronger
