# SPDX-License-Identifier: Apache-2.0
"""A node between a feeder and a listener, each a process of its own, over DDS; what the benchmarks of graphs share.

The listener receives every output but looks at no pixel: it takes messages as they come over the wire.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import psutil

from bench.table import Row
from geo_perception.ros import conversions

START_S, LIMIT_S = 120.0, 60.0
WARM_UP = 5  # outputs that are not counted


@dataclass(frozen=True)
class Usage:
    """One moment of a run: wall time, and the processor time that each process has used, in seconds."""

    wall: float
    node: float
    feeder: float
    listener: float


def row(label: str, moments: list[Usage], target_hz: float) -> Row:
    """Outputs per second, and the processor time of each process per output.

    Other load on the machine lowers the first; the second shows what it would be without.
    """
    first, last, frames = moments[0], moments[-1], len(moments) - 1
    parts = ("node", "feeder", "listener")
    spent = {part: 1e3 * (getattr(last, part) - getattr(first, part)) / frames for part in parts}
    rate_hz = frames / (last.wall - first.wall)
    each = ", ".join(f"{part} {ms:.0f}" for part, ms in spent.items())
    name = f"graph, {label}: {rate_hz:.2f} frames/s, processor ms of each: {each}"
    return Row(name, 1e3 / rate_hz, rate_hz / target_hz, f"{target_hz:g} frames/s")


@contextmanager
def process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is told to end, and waited for."""
    with subprocess.Popen(command) as child:
        try:
            yield child
        finally:
            child.terminate()


def measure(
    node_command: list[str], feeder_command: list[str], listened: Mapping[str, Any], outputs: int
) -> list[Usage]:
    """The moments at which outputs came; fewer than two if the graph does not work.

    Args:
        node_command, feeder_command: of the other two processes.
        listened: topic -> message class; the first one is counted.
        outputs: to count, after the first few.
    """
    with process(node_command) as node, process(feeder_command) as feeder:
        return count(listened, outputs, node, feeder)


def count(
    listened: Mapping[str, Any],
    outputs: int,
    node: subprocess.Popen[bytes],
    feeder: subprocess.Popen[bytes],
) -> list[Usage]:
    """The moment of each output; fewer than `outputs` if they stay away or the node ends."""
    import rclpy
    from rclpy.context import Context
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    arrivals: list[Usage] = []
    children = [psutil.Process(child.pid) for child in (node, feeder)]

    def heard(_: bytes) -> None:
        by_node, by_feeder = (
            times.user + times.system for times in (child.cpu_times() for child in children)
        )
        arrivals.append(Usage(time.monotonic(), by_node, by_feeder, time.process_time()))

    context = Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    listener = rclpy.create_node("bench_listener", context=context, enable_rosout=False)
    for index, (topic, kind) in enumerate(listened.items()):
        callback = heard if index == 0 else (lambda _: None)
        listener.create_subscription(kind, topic, callback, 1, raw=True)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(listener)
    begun = time.monotonic()
    while len(arrivals) < outputs + WARM_UP and node.poll() is None:
        executor.spin_once(timeout_sec=0.5)
        waited = time.monotonic() - (arrivals[-1].wall if arrivals else begun)
        if waited > (LIMIT_S if arrivals else START_S):
            break
    executor.shutdown()
    listener.destroy_node()
    rclpy.shutdown(context=context)
    return arrivals[WARM_UP:]


def feed(sets: list[dict[str, Any]], rate_hz: float) -> None:
    """Publish sets of messages by topic over and over with present stamps; program of a feeder's process."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from geo_perception.ros.runtime.malloc import keep_large_buffers

    keep_large_buffers()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("bench_feeder", enable_rosout=False)
    try:
        publish_forever(node, sets, 1 / rate_hz)
    finally:  # or its shared memory would stay
        node.destroy_node()
        rclpy.shutdown()


def publish_forever(node: Any, sets: list[dict[str, Any]], period_s: float) -> None:
    """Frame after frame, with present stamps."""
    from rclpy.qos import qos_profile_sensor_data

    publishers = {
        topic: node.create_publisher(type(message), topic, qos_profile_sensor_data)
        for topic, message in sets[0].items()
    }
    due = time.monotonic()
    for frame in cycle(sets):
        stamp = conversions.time_from_ns(time.time_ns())
        for topic, message in frame.items():
            message.header.stamp = stamp
            publishers[topic].publish(message)
        due = max(due + period_s, time.monotonic() - period_s)
        time.sleep(max(0.0, due - time.monotonic()))
