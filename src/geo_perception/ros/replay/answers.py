# SPDX-License-Identifier: Apache-2.0
"""The answers of a graph, which a lockstep replay waits for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from geo_perception.errors import DataError
from geo_perception.ros import cdr
from geo_perception.ros.replay.config import ReplayConfig

SLICE_S = 0.1  # longest wait in one piece, so that Ctrl-C is heard

RESEND_S = 3.0


class Answers:
    """Stamps of the messages that come back in lockstep."""

    def __init__(self, node: Any, spin: Callable[[float], None], config: ReplayConfig) -> None:
        from rclpy.event_handler import SubscriptionEventCallbacks
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import Image

        self._node, self._spin, self._config = node, spin, config
        self._newest_ns: int | None = None
        # Best effort hears every publisher; raw, because only the stamp is looked at.
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
        """How many nodes publish answers."""
        return int(self._node.count_publishers(self._subscription.topic_name))

    def wait_for(
        self, number: int, stamp_ns: int, unheard: Callable[[], list[str]], again: Callable[[], None]
    ) -> None:
        """Wait for the answer with this stamp.

        Until the first answer of all, the set is sent again from time to time: a subscriber that was found may
        not have found us yet, and lose what it is sent. A graph drops the duplicates.

        Args:
            number: of the set, for the error.
            stamp_ns: of the answer.
            unheard: says what is not connected.
            again: sends the set again.

        Raises:
            DataError: it does not come in time; says what was missing.
        """
        resend = time.monotonic() + RESEND_S
        deadline = time.monotonic() + self._config.answer_timeout_s
        while self._newest_ns != stamp_ns:
            if time.monotonic() > deadline:
                raise DataError(
                    f"no answer on {self._config.answer} to frame {number} (stamp {stamp_ns} ns) within "
                    f"{self._config.answer_timeout_s:g} s: {self._diagnosis(unheard())}"
                )
            if self._newest_ns is None and time.monotonic() > resend:
                again()
                resend = time.monotonic() + RESEND_S
            self._spin(SLICE_S)

    def _diagnosis(self, unheard: list[str]) -> str:
        if unheard:
            return f"without subscriber: {', '.join(unheard)}"
        heard = "none" if self._newest_ns is None else f"the newest has stamp {self._newest_ns} ns"
        return (
            f"inputs and answer are connected, answers so far: {heard}; see the node's log and /diagnostics"
        )
