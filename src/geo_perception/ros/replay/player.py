# SPDX-License-Identifier: Apache-2.0
"""Player that publishes the bag's serialised messages over DDS, so that nothing is decoded or encoded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geo_perception.errors import ConfigError, DataError
from geo_perception.progress import Progress
from geo_perception.ros import cdr
from geo_perception.ros.conversions import time_from_ns
from geo_perception.ros.replay.answers import SLICE_S, Answers
from geo_perception.ros.replay.config import ReplayConfig
from geo_perception.ros.replay.source import ReplaySource, Serialised
from geo_perception.ros.runtime.topics import message_class

QUEUE = 5  # messages a publisher keeps for a slow reliable subscriber
CLOCK_PERIOD_NS = 10_000_000  # /clock at 100 Hz, a tenth of the lidar's period being too coarse for ages
LONE_PERIOD_NS = 100_000_000  # at which a bag of a single moment is repeated
SETTLE_S = 0.3
MILLISECOND_NS = 1_000_000


@dataclass(frozen=True)
class Sent:
    """A published left image; all times in nanoseconds, the last two on the wall clock."""

    bag_stamp_ns: int
    stamp_ns: int  # in the header as published
    published_ns: int


@dataclass
class Replay:
    """Result of a replay."""

    sent: list[Sent] = field(default_factory=list)
    messages: int = 0
    loops: int = 0
    behind_ms: float = 0.0  # the latest that a message left after its due time


@contextmanager
def playing_node(name: str = "replay") -> Iterator[tuple[Any, Callable[[float], None]]]:
    """Create a node in a context of its own, and a function that handles its next event within some seconds."""
    import rclpy
    from rclpy.context import Context
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    context = Context()
    # no arguments: those of the command line are the graph's, and name:=value would remap topics here, too
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = rclpy.create_node(name, context=context, start_parameter_services=False)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        try:
            yield node, lambda seconds: executor.spin_once(timeout_sec=seconds)
        finally:
            executor.shutdown()
            node.destroy_node()
    finally:
        context.try_shutdown()


def replay(
    path: str | Path,
    config: ReplayConfig | None = None,
    *,
    progress: bool = False,
    said: Callable[[str], None] = lambda line: None,
) -> Replay:
    """Publish a bag.

    Args:
        path: bag folder, or a single .mcap or .db3 file.
        config: options of the replay; None: the defaults.
        progress: show a progress bar.
        said: receives lines about what is being waited for.

    Raises:
        DataError: not a bag or damaged, no subscriber, or (lockstep) an answer does not come in time.
    """
    (result,) = replay_each(path, [config or ReplayConfig()], progress=progress, said=said)
    return result


def replay_each(
    path: str | Path,
    configs: Sequence[ReplayConfig],
    *,
    progress: bool = False,
    said: Callable[[str], None] = lambda line: None,
) -> Iterator[Replay]:
    """Publish a bag once for each configuration, through the same publishers.

    The first configuration decides topics and waiting. Other arguments, and errors, are those of `replay`.

    Raises:
        ConfigError: a later configuration wants lockstep or /clock, and the first does not.
    """
    for config in configs[1:]:
        if (config.lockstep and not configs[0].lockstep) or (config.clock and not configs[0].clock):
            raise ConfigError("a replay that is to end in lockstep or with /clock must begin so")
    source = ReplaySource(path, configs[0])
    try:
        with playing_node() as (node, spin):
            player = Player(source, configs[0], node, spin)
            player.wait_for_subscribers(said)
            for config in configs:
                yield player.run(config, progress)
    finally:
        source.close()


class Player:
    """Publishers for the topics of an open bag."""

    def __init__(
        self, source: ReplaySource, config: ReplayConfig, node: Any, spin: Callable[[float], None]
    ) -> None:
        self.source, self.config, self._node, self._spin = source, config, node, spin
        self._latched = source.latched
        self._publishers = {topic: self._publisher(topic, kind) for topic, kind in source.classes.items()}
        self._clock_class = message_class("rosgraph_msgs/msg/Clock") if config.clock else None
        self._clock = node.create_publisher(self._clock_class, "/clock", 1) if config.clock else None
        self._answers = Answers(node, spin, config) if config.lockstep else None
        self.result = Replay()

    def _publisher(self, topic: str, kind: Any) -> Any:
        from rclpy.event_handler import PublisherEventCallbacks
        from rclpy.qos import DurabilityPolicy, QoSProfile

        latched = topic in self._latched
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        # The callback does nothing, but being called ends the wait in `wait_for_subscribers`.
        events = PublisherEventCallbacks(matched=lambda info: None)
        name = self.config.published(topic)
        return self._node.create_publisher(
            kind, name, QoSProfile(depth=QUEUE, durability=durability), event_callbacks=events
        )

    def wait_for_subscribers(self, said: Callable[[str], None]) -> None:
        """Wait until every input of a perception graph that the bag has is subscribed to.

        Raises:
            DataError: not within the time that the configuration allows.
        """
        deadline = time.monotonic() + self.config.wait_s
        before: list[str] = []
        while self.config.wait_s and (missing := self.unheard()):
            if missing != before:
                said(f"waiting for subscribers on {', '.join(missing)}")
                before = missing
            if time.monotonic() > deadline:
                raise DataError(
                    f"no subscriber on {', '.join(missing)} within {self.config.wait_s:g} s; start the graph "
                    "first, or replay without waiting"
                )
            self._spin(SLICE_S)
        self._settle()

    def _settle(self) -> None:
        """Wait for mutual discovery: nothing tells when the subscribers know the publishers."""
        end = time.monotonic() + (SETTLE_S if self.config.wait_s else 0.0)
        while time.monotonic() < end:
            self._spin(SLICE_S)

    def unheard(self) -> list[str]:
        """List inputs without a subscriber and, in lockstep, the answer if it has no publisher."""
        unheard = [
            self.config.published(topic)
            for topic in self.source.inputs
            if not self._publishers[topic].get_subscription_count()
        ]
        silent = self._answers is not None and not self._answers.publishers
        return [*unheard, f"{self.config.answer} (no publisher)"] if silent else unheard

    def run(self, config: ReplayConfig, progress: bool = False) -> Replay:
        """Play as often as configured, on the topics of the first configuration."""
        self.config, self.result = config, Replay()
        frames = self.source.count(self.source.topics.left)
        total = frames * self.config.loops or None
        with Progress("replaying", total, hidden=not progress) as bar:
            while not self.config.loops or self.result.loops < self.config.loops:
                for sent in self._in_lockstep() if self.config.lockstep else self._in_time():
                    self.result.sent.append(sent)
                    bar.update()
                self.result.loops += 1
        return self.result

    def _in_time(self) -> Iterator[Sent]:
        """Publish messages at their original spacing, divided by the rate; the next pass keeps the rhythm."""
        start_ns, wall_ns, logged_ns = time.monotonic_ns(), time.time_ns(), []
        for burst in self.source.bursts():
            logged_ns.append(burst[0].log_ns)
            due_ns = start_ns + self._scaled(logged_ns[-1] - logged_ns[0])
            self._pause_until(due_ns, logged_ns[-1])
            for message in burst:
                yield from self._publish(message, self._restamped(message, wall_ns, logged_ns[0]))
            behind_ms = (time.monotonic_ns() - due_ns) / MILLISECOND_NS
            self.result.behind_ms = max(self.result.behind_ms, behind_ms)
        if not self.config.loops or self.result.loops + 1 < self.config.loops:
            next_ns = logged_ns[-1] + _period_ns(logged_ns)
            self._pause_until(start_ns + self._scaled(next_ns - logged_ns[0]), next_ns)

    def _scaled(self, bag_ns: int) -> int:
        return round(bag_ns / self.config.rate)

    def _restamped(self, message: Serialised, wall_ns: int, first_ns: int) -> int | None:
        if message.stamp_ns is None or not self.config.restamp:
            return message.stamp_ns
        return wall_ns + self._scaled(message.stamp_ns - first_ns)

    def _pause_until(self, due_ns: int, bag_ns: int) -> None:
        """Sleep until `due_ns` on the monotonic clock, when the bag's time is `bag_ns`; /clock ticks meanwhile."""
        while (left_ns := due_ns - time.monotonic_ns()) > 0:
            self._tick(bag_ns - round(left_ns * self.config.rate))
            time.sleep(min(left_ns, CLOCK_PERIOD_NS if self._clock else left_ns) / 1e9)
        self._tick(bag_ns)

    def _tick(self, bag_ns: int) -> None:
        if self._clock is not None and self._clock_class is not None:
            self._clock.publish(self._clock_class(clock=time_from_ns(max(0, bag_ns))))

    def _in_lockstep(self) -> Iterator[Sent]:
        """Publish set after set, each after the answer to the one before."""
        assert self._answers is not None
        for number, messages in enumerate(self.source.sets(self.config.windows)):
            pivot = next(m for m in messages if m.topic == self.source.topics.left)
            assert pivot.stamp_ns is not None
            shift_ns = time.time_ns() - pivot.stamp_ns if self.config.restamp else 0
            self._tick(pivot.log_ns)
            yield from self._publish_set(messages, shift_ns)

            def again(messages: list[Serialised] = messages, shift_ns: int = shift_ns) -> None:
                list(self._publish_set(messages, shift_ns))

            self._answers.wait_for(number, pivot.stamp_ns + shift_ns, self.unheard, again)

    def _publish_set(self, messages: list[Serialised], shift_ns: int) -> Iterator[Sent]:
        for message in messages:
            stamp_ns = None if message.stamp_ns is None else message.stamp_ns + shift_ns
            yield from self._publish(message, stamp_ns)

    def _publish(self, message: Serialised, stamp_ns: int | None) -> Iterator[Sent]:
        """Publish one message if it has a subscriber; yields the record of a left image."""
        publisher = self._publishers[message.topic]
        if message.topic in self._latched or publisher.get_subscription_count():
            same = stamp_ns is None or stamp_ns == message.stamp_ns
            publisher.publish(message.data if same else cdr.with_stamp(message.data, int(stamp_ns or 0)))
            self.result.messages += 1
        if message.topic == self.source.topics.left and message.stamp_ns is not None and stamp_ns is not None:
            yield Sent(message.stamp_ns, stamp_ns, time.time_ns())


def _period_ns(logged_ns: list[int]) -> int:
    """Compute the mean time between two moments of the bag."""
    if len(logged_ns) == 1:
        return LONE_PERIOD_NS
    return (logged_ns[-1] - logged_ns[0]) // (len(logged_ns) - 1)
