# SPDX-License-Identifier: Apache-2.0
"""Programs as separate processes, with their output line by line to wait on."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

CHECKOUT = Path(__file__).resolve().parents[2]
PROFILE = CHECKOUT / "config" / "fastdds_localhost.xml"
GRACE_S = 10.0  # to leave in
LIMIT_S = 90.0  # for a loaded machine, not an expectation
DOMAINS = 101  # that are free on every system
HELD = 15  # more than one module of tests uses at once
_held: deque[contextlib.ExitStack] = deque()  # locked files
_domains = itertools.count(random.randrange(DOMAINS))  # elsewhere in other runs on this machine


def new_domain() -> int:
    """A ROS domain that nothing of the last hundred in this run has used, nor a run beside it uses now.

    Nodes of equal names must not meet.
    """
    numbers = [1 + next(_domains) % DOMAINS]
    while not _hold(numbers[-1]) and len(numbers) < DOMAINS:
        numbers.append(1 + next(_domains) % DOMAINS)
    return numbers[-1]


def _hold(number: int) -> bool:
    """Lock a domain against other runs on this machine, until HELD newer ones are; False if another has it."""
    with contextlib.ExitStack() as stack:
        try:
            path = Path(tempfile.gettempdir()) / f"geo_perception_test_domain_{number}"
            file = stack.enter_context(path.open("a"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        _held.append(stack.pop_all())
    if len(_held) > HELD:
        _held.popleft().close()
    return True


def local_ros_environment(domain_id: int | None = None) -> dict[str, str]:
    """Variables that keep ROS on this machine and apart from other runs on it."""
    return {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_DOMAIN_ID": str(new_domain() if domain_id is None else domain_id),
        "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp",
        "FASTRTPS_DEFAULT_PROFILES_FILE": str(PROFILE),
        "AMENT_PREFIX_PATH": sys.prefix,
        "PYTHONUNBUFFERED": "1",
        "RCUTILS_COLORIZED_OUTPUT": "0",
        "RCUTILS_LOGGING_BUFFERED_STREAM": "0",
        "OMP_NUM_THREADS": "1",
    }


class Process:
    """A Python module run as a program; its stdout and stderr, merged, are in `lines`."""

    def __init__(
        self,
        module: str,
        *args: str,
        environment: Mapping[str, str],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.lines: list[str] = []
        self._on_end = on_end
        self._changed = threading.Condition()
        self._popen = subprocess.Popen(
            [sys.executable, "-m", module, *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        self._popen.wait()
        with self._changed:
            self._changed.notify_all()
        self._on_end()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    @property
    def resident_bytes(self) -> int:
        return psutil.Process(self.pid).memory_info().rss

    def wait_for_line(self, pattern: str, after: int = 0, limit_s: float = LIMIT_S) -> str:
        """The first line from number `after` on that matches; fails with the whole output if none comes."""

        def found() -> str | None:
            return next((line for line in self.lines[after:] if re.search(pattern, line)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or not self._reader.is_alive(), timeout=limit_s)
            line = found()
        assert line is not None, f"no line matches {pattern!r}; output:\n" + "\n".join(self.lines)
        return line

    def wait_for_exit(self, limit_s: float = LIMIT_S) -> int:
        """Exit code; fails with the output if it does not come."""
        try:
            code = self._popen.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("still running; output:\n" + "\n".join(self.lines)) from None
        self._reader.join(limit_s)
        return code

    def send(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def end(self) -> None:
        """Ask it to leave, for its shared memory stays behind otherwise, and kill it if it does not."""
        if self.alive:
            self.send(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(GRACE_S)
        self.kill()

    def kill(self) -> None:
        """End it for sure, without a word."""
        if self.alive:
            self._popen.kill()
        self._popen.wait()
        self._reader.join()
