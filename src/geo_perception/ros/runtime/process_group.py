# SPDX-License-Identifier: Apache-2.0
"""Child processes that are started and ended together: a graph's on the terminal, others with their output in files."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from geo_perception.errors import DataError
from geo_perception.ros.runtime.exits import exit_text, program_name

ESCALATION = ((signal.SIGINT, 8.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0))  # and seconds to obey
TAIL_LINES = 5  # of a child's output in an error
PARENT_DEATH_SIGNAL = str(Path(__file__).with_name("parent_death_signal.py"))


def end_all(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """End what still runs, gently first."""
    processes = list(processes)
    for number, limit_s in ESCALATION:
        running = [process for process in processes if process.poll() is None]
        for process in running:
            process.send_signal(number)
        deadline = time.monotonic() + limit_s
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue  # the next signal is stronger


class Supervisor:
    """Runs the processes of a graph together: one fails, all stop; SIGINT and SIGTERM are handed on."""

    def __init__(self, commands: Sequence[Sequence[str]], env: Mapping[str, str]) -> None:
        # None stands for a signal.
        self._events: queue.SimpleQueue[subprocess.Popen[bytes] | None] = queue.SimpleQueue()
        # In sessions of their own, so that a terminal's Ctrl-C reaches them once.
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
        end_all(self._children)
        return code

    @staticmethod
    def _say(child: subprocess.Popen[bytes]) -> None:
        """Which process died of what; one that ended by itself has said why."""
        if child.returncode < 0:
            name = program_name(child.args)  # type: ignore[arg-type]  # they are ours: a list of words
            print(f"{name} (pid {child.pid}) was ended by {exit_text(child.returncode)}", file=sys.stderr)


@dataclass(frozen=True)
class Child:
    """A process by name."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    lasting: bool  # it has no business to end by itself

    @property
    def tail(self) -> str:
        """The last lines of its output."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return (
            "\n".join(f"  {self.name}: {line}" for line in lines[-TAIL_LINES:])
            or f"  {self.name}: (no output)"
        )


class ProcessGroup:
    """Children that never outlive the run, each with its output in a file.

    A context manager that ends every child on the way out, whatever the way.
    """

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs, self._environment = logs, dict(environment)
        self._files: list[IO[bytes]] = []
        self.all: list[Child] = []

    def start(self, name: str, command: Sequence[str], lasting: bool = False) -> Child:
        """Start a program; a lasting one is not to end before `stop`.

        Raises:
            DataError: it does not exist.
        """
        log = self._logs / f"{name}.log"
        file = log.open("wb")
        self._files.append(file)
        try:
            process = subprocess.Popen(
                [sys.executable, PARENT_DEATH_SIGNAL, str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,  # Ctrl-C reaches only this process, which then ends them in order
            )
        except OSError as error:
            raise DataError(f"cannot start {name}: {error}") from error
        self.all.append(Child(name, process, log, lasting))
        return self.all[-1]

    def check(self) -> None:
        """Raises DataError, with its last lines, if a child failed or one that should stay has ended."""
        for child in self.all:
            code = child.process.poll()
            if code is not None and (code != 0 or child.lasting):
                raise DataError(f"{child.name} ended with {exit_text(code)}; its last lines:\n{child.tail}")

    def stop(self) -> None:
        """End what still runs; the one started last is told first."""
        end_all(child.process for child in reversed(self.all))

    def __enter__(self) -> ProcessGroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            for file in self._files:
                file.close()
