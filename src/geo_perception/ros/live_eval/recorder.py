# SPDX-License-Identifier: Apache-2.0
"""Recorder of a graph's outputs: results, their times of arrival, and the node's diagnostics."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from geo_perception._types import Array
from geo_perception.ros import cdr
from geo_perception.ros.bags.layout import typestore
from geo_perception.ros.conversions import decode_depth, decode_image, decode_points

DEPTH, CONFIDENCE, CLOUD = "depth/image_rect", "depth/confidence", "depth/points"
KINDS = {DEPTH: "Image", CONFIDENCE: "Image", CLOUD: "PointCloud2"}
QUEUE = 10


@dataclass
class Heard:
    """Received messages of one topic."""

    received_ns: dict[int, int] = field(default_factory=dict)  # stamp -> first arrival on the wall clock
    kept: dict[int, tuple[int, int]] = field(default_factory=dict)  # stamp -> place in the store, bytes


class Recorder:
    """Subscriptions to the outputs. Nothing is decoded during the run, because that would compete with the graph."""

    def __init__(self, node: Any, spin: Callable[[float], None], store: IO[bytes]) -> None:
        """Subscribe.

        Args:
            node: owns the subscriptions.
            spin: handles the node's next event within some seconds.
            store: file open for reading and writing; takes the images, as memory would not hold those of a long drive.
        """
        self._spin, self._node, self._store = spin, node, store
        self.keeping = True  # False: record arrivals only
        self.heard = {topic: Heard() for topic in KINDS}
        self.diagnostics: dict[str, dict[str, str]] = {}  # status -> its newest values
        self._subscriptions = [*map(self._subscribe, KINDS), self._subscribe_to_diagnostics()]

    def _subscribe(self, topic: str) -> Any:
        import sensor_msgs.msg
        from rclpy.event_handler import SubscriptionEventCallbacks

        kind = getattr(sensor_msgs.msg, KINDS[topic])
        events = SubscriptionEventCallbacks(matched=lambda info: None)  # being called ends a wait
        return self._node.create_subscription(
            kind, topic, lambda data: self._take(topic, data), QUEUE, raw=True, event_callbacks=events
        )

    def _take(self, topic: str, data: bytes) -> None:
        now_ns, stamp_ns, heard = time.time_ns(), cdr.stamp_of(data), self.heard[topic]
        heard.received_ns.setdefault(stamp_ns, now_ns)
        if self.keeping and stamp_ns not in heard.kept and (topic != CLOUD or not heard.kept):
            heard.kept[stamp_ns] = self._store.tell(), len(data)
            self._store.write(data)

    def _subscribe_to_diagnostics(self) -> Any:
        from diagnostic_msgs.msg import DiagnosticArray

        def take(message: Any) -> None:
            for status in message.status:
                values = {pair.key: pair.value for pair in status.values}
                self.diagnostics[status.name] = {"status": status.message, **values}

        return self._node.create_subscription(DiagnosticArray, "/diagnostics", take, QUEUE)

    @property
    def connected(self) -> bool:
        """True if depth has a publisher."""
        return bool(self._node.count_publishers(DEPTH))

    def wait_until(self, condition: Callable[[], bool], limit_s: float, check: Callable[[], None]) -> bool:
        """Receive until the condition holds or the time is up; `check` may raise in between."""
        deadline = time.monotonic() + limit_s
        while not condition():
            check()
            if time.monotonic() > deadline:
                return False
            self._spin(0.1)
        return True

    def depth(self, stamp_ns: int) -> Array | None:
        """Return the received depth (H, W), metres, None if it was not kept or did not come."""
        message = self._message(DEPTH, stamp_ns)
        return None if message is None else decode_depth(message)

    def confidence(self, stamp_ns: int) -> Array | None:
        """Return the received confidence (H, W), None if it was not kept or did not come."""
        message = self._message(CONFIDENCE, stamp_ns)
        return None if message is None else np.asarray(decode_image(message), np.float32)

    def cloud_points(self) -> int:
        """Count the known points in the first cloud received; 0 without a cloud."""
        for stamp_ns in self.heard[CLOUD].kept:
            return int(np.isfinite(decode_points(self._message(CLOUD, stamp_ns))[:, 2]).sum())
        return 0

    def _message(self, topic: str, stamp_ns: int) -> Any:
        place = self.heard[topic].kept.get(stamp_ns)
        if place is None:
            return None
        self._store.seek(place[0])
        return typestore().deserialize_cdr(self._store.read(place[1]), f"sensor_msgs/msg/{KINDS[topic]}")
