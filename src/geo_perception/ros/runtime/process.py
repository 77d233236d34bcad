# SPDX-License-Identifier: Apache-2.0
"""Runs one node as a process: signals in every state, autostart, exit code."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from geo_perception.dependencies import missing_dependency
from geo_perception.errors import GeoPerceptionError
from geo_perception.ros.runtime.malloc import keep_large_buffers
from geo_perception.ros.runtime.overrides import unknown_parameters

EXIT_FAILED = 2  # could not start; as the command line's code for a user's error
EXIT_BROKEN = 1  # a fault of our own
LOOK_UP_S = 0.5
MOST_FAILURES = 100  # in a row: then nothing works any more
GRACE_S = 4.0  # ros2 launch sends SIGTERM after 5 s: a long frame must not hold the process longer


def run_node(build: Callable[[], Any], args: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM, or until autostart fails.

    Signals are ours and not rclpy's, which would close the context before the node could leave its state.

    Args:
        build: makes the node, once rclpy is initialised.
        args: command line with ROS arguments; None: sys.argv.

    Returns:
        Exit code: 0 after a signal, 2 if the node could not be built or autostarted, 1 after a fault.
    """
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    # A SimpleQueue and not an Event: its put() is safe in a handler that interrupts its get(). The handlers stay, and
    # nobody reads what later signals put: Ctrl-C comes twice, from the terminal and from ros2 launch, and Python prints
    # a traceback for a signal that comes while its handler is replaced by SIG_IGN.
    ends: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ends.put(0))
    keep_large_buffers()
    try:
        rclpy.init(
            args=None if args is None else [sys.argv[0], *args],
            signal_handler_options=SignalHandlerOptions.NO,
        )
        node = build()
    except Exception as error:
        print(f"cannot start: {_one_line(error)}", file=sys.stderr)
        rclpy.try_shutdown()
        return EXIT_FAILED
    words, name = sys.argv if args is None else args, node.get_fully_qualified_name()
    for line in unknown_parameters(words, name, node.parameter_names, node.former_parameter_names):
        node.get_logger().warning(line)
    # Not EventsExecutor: a third of the processor time per message, but in rclpy 7.1 its spin() delivers nothing
    # and its end aborts the process.
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    leaving = threading.Event()
    thread = threading.Thread(
        target=_spin, args=(node, executor, ends, leaving), name="executor", daemon=True
    )
    thread.start()
    code = _first(ends)
    leaving.set()
    _leave(node, executor, thread, code)
    return code


def main(build: Callable[[], Any]) -> None:
    """Console script of a node: `run_node`, then end without waiting for libraries to take themselves down.

    That takes torch seconds, in which a signal or an abandoned frame could still crash the process.
    """
    code = run_node(build)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _first(ends: queue.SimpleQueue[int]) -> int:
    """Wait for the first exit code, waking up now and then.

    A signal handler does not run while the main thread waits if the signal came just before the wait.
    """
    while True:
        try:
            return ends.get(timeout=LOOK_UP_S)
        except queue.Empty:
            continue


def _spin(node: Any, executor: Any, ends: queue.SimpleQueue[int], leaving: threading.Event) -> None:
    try:
        if node.autostarts and not node.autostart():
            ends.put(EXIT_FAILED)
            return
        failures = 0
        while not leaving.is_set():
            try:
                executor.spin_once()
                failures = 0
            except Exception as error:  # such as bytes that are no message: one sender must not end the node
                failures += 1
                if failures == MOST_FAILURES:
                    raise
                node.report_fault(error, "while receiving: ")
    except Exception as error:
        node.get_logger().fatal(f"executor stopped: {_one_line(error)}")
        ends.put(EXIT_BROKEN)


def _leave(node: Any, executor: Any, thread: threading.Thread, code: int) -> None:
    """Shut down from whatever state the node is in, within the grace time."""
    import rclpy

    watchdog = threading.Timer(GRACE_S, _give_up, (node, code))
    watchdog.daemon = True
    watchdog.start()
    executor.create_task(lambda: None)  # lets spin_once() return; shutdown() would destroy what it waits on
    thread.join()
    executor.shutdown()
    if node.state in ("unconfigured", "inactive", "active"):
        node.trigger_shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    watchdog.cancel()


def _give_up(node: Any, code: int) -> None:
    node.get_logger().warning(f"still busy {GRACE_S:g} s after being told to stop: leaving")
    sys.stderr.flush()
    os._exit(code)


def _one_line(error: Exception) -> str:
    if isinstance(error, ImportError):
        return str(missing_dependency("this node", error))
    text = " ".join(str(error).split())
    return text if isinstance(error, GeoPerceptionError) else f"{type(error).__name__}: {text}"
