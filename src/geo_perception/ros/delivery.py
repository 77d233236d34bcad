# SPDX-License-Identifier: Apache-2.0
"""Measurement of how many large best-effort messages arrive from another process, where Fast DDS's defaults fail.

The publisher is this module run as a program, so that nothing is delivered inside one process.
"""

from __future__ import annotations

import array
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from geo_perception.errors import InputError

CLOUD_BYTES = 7_440_000  # an organised 1242 x 375 cloud with 16 bytes a point
GRACE_S = 5.0  # how long to wait for the other process, and for the last message
SETTLE_S = (
    0.5  # discovery is mutual: the writer knows the reader, but nothing tells it when the reader knows it
)


@dataclass(frozen=True)
class DeliveryResult:
    """Result of one measurement."""

    sent: int
    received: int
    median_latency_ms: float  # from publish() to the callback; NaN when nothing arrived

    @property
    def complete(self) -> bool:
        """True if at least 99 of 100 arrived; the last one may be cut off by the end of the measurement."""
        return self.received >= 0.99 * self.sent


def measure_delivery(count: int = 30, rate_hz: float = 10.0, size: int = CLOUD_BYTES) -> DeliveryResult:
    """Publish `count` clouds of `size` bytes best-effort from another process and count what arrives.

    Uses the caller's environment: domain, discovery range, middleware and its profile.

    Raises:
        InputError: count, rate or size is not positive, or the publishing process failed.
    """
    if count < 1 or rate_hz <= 0 or size < 1:
        raise InputError(f"count, rate_hz and size must be positive, got {count}, {rate_hz} and {size}")
    topic = f"geo_perception_delivery_{os.getpid()}"  # measurements side by side must not mix
    command = [sys.executable, "-m", __name__, topic, str(count), str(rate_hz), str(size)]
    latencies_ms: list[float] = []
    with _node("geo_perception_delivery_reader") as (node, spin_once):
        from sensor_msgs.msg import PointCloud2

        node.create_subscription(
            PointCloud2, topic, lambda m: latencies_ms.append(_age_ms(m)), _best_effort()
        )
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as sender:
            _receive(spin_once, sender, lambda: len(latencies_ms) >= count, GRACE_S + count / rate_hz)
            _stop(sender)
    ordered = sorted(latencies_ms)
    return DeliveryResult(count, len(ordered), ordered[len(ordered) // 2] if ordered else float("nan"))


def _receive(spin_once: Any, sender: subprocess.Popen[str], done: Any, limit_s: float) -> None:
    """Handle messages until all are here, the sender has ended, or the time is up."""
    deadline = time.monotonic() + limit_s + GRACE_S
    while not done() and time.monotonic() < deadline:
        spin_once(timeout_sec=0.2)
        if sender.poll() is not None:
            break


def _stop(sender: subprocess.Popen[str]) -> None:
    """End the publishing process. Raises InputError with its last line if it failed by itself."""
    failed = sender.poll() not in (None, 0)
    sender.send_signal(signal.SIGINT)  # unwinds, so that its shared memory goes with it
    try:
        _, errors = sender.communicate(timeout=GRACE_S)
    except subprocess.TimeoutExpired:
        sender.kill()
        _, errors = sender.communicate()
    if failed:
        raise InputError(
            f"the publishing process failed: {(errors.strip() or 'no message').splitlines()[-1]}"
        )


def _age_ms(message: Any) -> float:
    """Compute the milliseconds since the message was published, by this machine's clock."""
    stamp = message.header.stamp
    return (time.time_ns() - (int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec))) * 1e-6


def _best_effort() -> Any:
    from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

    return QoSProfile(depth=5, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)


@contextmanager
def _node(name: str) -> Iterator[tuple[Any, Any]]:
    """Create a node in a context of its own, with its executor's spin_once."""
    import rclpy
    from rclpy.context import Context
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    context = Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = rclpy.create_node(f"{name}_{os.getpid()}", context=context, enable_rosout=False)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        try:
            yield node, executor.spin_once
        finally:
            executor.shutdown()
            node.destroy_node()
    finally:
        rclpy.shutdown(context=context)


def _publish(topic: str, count: int, rate_hz: float, size: int) -> None:
    """Run the other process's program: wait for the reader, then publish at the rate."""
    with _node("geo_perception_delivery_writer") as (node, _):
        from sensor_msgs.msg import PointCloud2

        publisher = node.create_publisher(PointCloud2, topic, _best_effort())
        message = PointCloud2(height=1, width=size // 16, point_step=16, row_step=size, is_dense=True)
        message.data = array.array("B", bytes(size))
        deadline = time.monotonic() + GRACE_S
        while publisher.get_subscription_count() == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(SETTLE_S)
        start = time.monotonic()
        for index in range(count):
            time.sleep(max(0.0, start + index / rate_hz - time.monotonic()))
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(time.time_ns(), 1_000_000_000)
            publisher.publish(message)
        time.sleep(1.0)  # a writer that leaves takes what is still in its shared-memory segment with it


if __name__ == "__main__":
    _publish(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
