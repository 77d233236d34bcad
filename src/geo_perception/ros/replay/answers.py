# SPDX-License-Identifier: Apache-2.0
"""Answers of a graph, the result messages that a lockstep replay waits for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from geo_perception.errors import DataError
from geo_perception.ros import cdr
from geo_perception.ros.replay.config import ReplayConfig
from geo_perception.ros.runtime.graph_watch import publishing_nodes

SLICE_S = 0.1  # longest wait in one piece, so that Ctrl-C is heard

RESEND_S = 3.0
LEFT_S = 1.0  # after the last publisher left, an answer under way may arrive for so long
LEASE_S = 20.0  # after which the middleware notices a killed process (Fast DDS's default)


class Answers:
    """Record of the stamps of answers received in lockstep."""

    def __init__(self, node: Any, spin: Callable[[float], None], config: ReplayConfig) -> None:
        from rclpy.event_handler import SubscriptionEventCallbacks
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import Image

        self._node, self._spin, self._config = node, spin, config
        self._newest_ns: int | None = None
        self._nodes = "a node"  # nodes that publish answers, as last seen
        # Best effort matches every publisher; raw, because only the stamp is read.
        self._subscription = node.create_subscription(
            Image,
            config.answer,
            self._received,
            QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT),
            raw=True,
            event_callbacks=SubscriptionEventCallbacks(matched=lambda info: None),
        )

    def _received(self, data: bytes) -> None:
        self._newest_ns = cdr.stamp_of(data)

    @property
    def publishers(self) -> int:
        """Count the publishers of answers."""
        return int(self._node.count_publishers(self._subscription.topic_name))

    def wait_for(
        self, number: int, stamp_ns: int, unheard: Callable[[], list[str]], again: Callable[[], None]
    ) -> None:
        """Wait for the answer with this stamp.

        Until the first answer of all, the set is sent again from time to time: a subscriber that was discovered may
        not have discovered the publisher yet, and miss the set. A graph drops the duplicates. After it, a graph that is
        gone is not waited for: its replacement has not received the set.

        Args:
            number: number of the set, for the error.
            stamp_ns: stamp of the answer.
            unheard: lists topics that are not connected.
            again: sends the set again.

        Raises:
            DataError: the answer does not come in time, or no publisher is left; the message lists what was missing.
        """
        answering = publishing_nodes(self._node, self._subscription.topic_name)
        self._nodes = " and ".join(answering) or self._nodes
        present = time.monotonic()
        resend, deadline = present + RESEND_S, present + self._config.answer_timeout_s
        missing = f"no answer on {self._config.answer} to frame {number} (stamp {stamp_ns} ns)"
        while self._newest_ns != stamp_ns:
            if self._newest_ns is None or self.publishers:
                present = time.monotonic()
            if time.monotonic() > present + LEFT_S:
                raise DataError(
                    f"{missing}: {self._nodes}, which gave those before, has ended or was cleaned up; see its log"
                )
            if time.monotonic() > deadline:
                raise DataError(
                    f"{missing} within {self._config.answer_timeout_s:g} s: {self._diagnosis(unheard())}"
                )
            if self._newest_ns is None and time.monotonic() > resend:
                again()
                resend = time.monotonic() + RESEND_S
            self._spin(SLICE_S)

    def _diagnosis(self, unheard: list[str]) -> str:
        if unheard:
            return f"without subscriber: {', '.join(unheard)}"
        if self._newest_ns is None:
            return (
                f"inputs and answer are connected, no answer so far; see {self._nodes}'s log and /diagnostics"
            )
        return (
            f"the newest answer has stamp {self._newest_ns} ns; see {self._nodes}'s log and /diagnostics, and whether "
            f"it still runs: a killed process is noticed only after {LEASE_S:g} s"
        )
