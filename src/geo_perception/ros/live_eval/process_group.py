# SPDX-License-Identifier: Apache-2.0
"""Groups of child processes that never outlive the run, each with its output in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from geo_perception.errors import DataError
from geo_perception.ros.runtime.exits import exit_text

STOP_STEPS = ((signal.SIGINT, 6.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0))  # and seconds to obey
TAIL_LINES = 5  # of a child's output in an error
GUARD = str(Path(__file__).with_name("parent_death_signal.py"))


@dataclass(frozen=True)
class Child:
    """A process by name."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    lasting: bool  # it must not end by itself

    @property
    def tail(self) -> str:
        """Read the last lines of its output."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return (
            "\n".join(f"  {self.name}: {line}" for line in lines[-TAIL_LINES:])
            or f"  {self.name}: (no output)"
        )


class ProcessGroup:
    """Context manager that ends every child on exit, also after an error."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs, self._environment = logs, dict(environment)
        self._files: list[IO[bytes]] = []
        self.all: list[Child] = []

    def start(self, name: str, command: Sequence[str], lasting: bool = False) -> Child:
        """Start a program; a lasting one must not end before `stop`.

        Raises:
            DataError: it does not exist.
        """
        log = self._logs / f"{name}.log"
        file = log.open("wb")
        self._files.append(file)
        try:
            process = subprocess.Popen(
                [sys.executable, GUARD, str(os.getpid()), *command],
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
        """Raise DataError, with its last lines, if a child failed or a lasting one has ended."""
        for child in self.all:
            code = child.process.poll()
            if code is not None and (code != 0 or child.lasting):
                raise DataError(f"{child.name} ended with {exit_text(code)}; its last lines:\n{child.tail}")

    def stop(self) -> None:
        """End the children by signals of rising severity. Those started last end first."""
        for number, patience_s in STOP_STEPS:
            running = [child for child in reversed(self.all) if child.process.poll() is None]
            for child in running:
                child.process.send_signal(number)
            deadline = time.monotonic() + patience_s
            for child in running:
                try:
                    child.process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    continue

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
