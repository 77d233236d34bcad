# SPDX-License-Identifier: Apache-2.0
"""The managed node every perception node derives from: life cycle, ports, worker, diagnostics.

The executor's thread makes all transitions and only stores messages; the worker's thread decodes, computes and
publishes. A derived node says what it loads, how messages become jobs and how a job becomes messages.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType

from geo_perception.errors import GeoPerceptionError, InputError
from geo_perception.ros.runtime import diagnostics, graph_watch, ports
from geo_perception.ros.runtime.health import Health
from geo_perception.ros.runtime.lifecycle_node import ManagedNode
from geo_perception.ros.runtime.parameters import RuntimeSettings
from geo_perception.ros.runtime.worker import NewestWorker

DIAGNOSTICS_PERIOD_S = 1.0
NUMBER = re.compile(r"-?\b(?:\d[\w.+-]*|nan|inf)\b")
STOP_S = 30.0  # how long a frame that is being computed may delay a deactivation


@dataclass(frozen=True)
class FrameResult:
    """Result of a job. Messages are published as they are made, so that buffers can be shared."""

    stamp_ns: int  # of the input, and of every message
    messages: Iterable[tuple[str, Any]]
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    degraded: str = ""  # what it had to do without


S = TypeVar("S", bound=RuntimeSettings)
Job = TypeVar("Job")


class PerceptionNode(ManagedNode[S], Generic[S, Job]):
    """Subscriptions feed `store`, a worker runs `process` on the newest job and publishes its answer."""

    def __init__(
        self,
        name: str,
        settings_type: type[S],
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        **options: Any,
    ) -> None:
        """Make the node.

        Args:
            name: default node name.
            settings_type: its parameters.
            inputs: topic -> message class.
            outputs: topic -> message class.
            options: passed on to rclpy's Node.
        """
        super().__init__(name, settings_type, **options)
        self.health = Health(inputs)
        self._inputs, self._outputs = dict(inputs), dict(outputs)
        self._ports_in: dict[str, Any] = {}
        self._ports_out: dict[str, Any] = {}
        self._notes: dict[str, tuple[str, str]] = {}
        self._publishing = threading.Lock()
        self._worker: NewestWorker[Job] | None = None
        # Wall time would jump, and simulated time may stand still: diagnostics and timeouts must not.
        self.steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._publish_diagnostics, clock=self.steady_clock)

    # What a derived node provides, beside `validate`, `load` and `unload`.

    def begin(self, settings: S) -> None:
        """Set up what lives while the node is active; runs before the first message."""

    def end(self) -> None:
        """Undo `begin`; must do no harm if it did not run."""

    def renew(self, settings: S) -> None:
        """Take over live parameters while active."""

    def store(self, topic: str, message: Any) -> Iterable[Job]:
        """Keep a message (executor's thread: no work here); give jobs that became complete. To be overridden."""
        raise NotImplementedError  # no default can be right; a node that forgets it is told so

    def process(self, job: Job, wanted: frozenset[str]) -> FrameResult:
        """Compute an answer (worker's thread), making only the wanted output topics. To be overridden."""
        raise NotImplementedError  # no default can be right; a node that forgets it is told so

    def dropped_messages(self) -> Mapping[str, int]:
        """Messages that found no partner, by reason."""
        return {}

    def diagnostic_values(self) -> Mapping[str, str]:
        """Model, device and the like, for diagnostics."""
        return {}

    # Life cycle.

    def start(self, settings: S) -> None:
        self.health = Health(self._inputs)
        self._notes = {}
        self.begin(settings)
        self._ports_out = {
            topic: ports.open_output(self, kind, topic, self.note) for topic, kind in self._outputs.items()
        }
        self._worker = NewestWorker(self._work, f"{self.get_name()} worker")
        self._worker.limit(settings.max_rate_hz)
        for topic, kind in self._inputs.items():
            receive = partial(self.receive, topic)
            self._ports_in[topic] = ports.open_input(
                self, kind, topic, settings.input_depth, receive, self.note
            )
        self.get_logger().info(
            ", ".join(["active", *(f"{key} {value}" for key, value in self.diagnostic_values().items())])
        )

    def stop(self) -> None:
        for subscription in self._ports_in.values():
            self.destroy_subscription(subscription)
        self._ports_in = {}
        with self._publishing:  # from here on the worker publishes nothing
            ports, self._ports_out = self._ports_out, {}
        worker, self._worker = self._worker, None
        stopped = worker is None or worker.stop(STOP_S)
        for publisher in ports.values():
            self.destroy_publisher(publisher)
        self.end()
        if not stopped:
            raise RuntimeError(f"a frame is still being computed after {STOP_S:g} s")

    def apply(self, settings: S) -> None:
        if self._worker is not None:
            self._worker.limit(settings.max_rate_hz)
            self.renew(settings)

    # Messages.

    def receive(self, topic: str, message: Any) -> None:
        """A message came in; what goes wrong is reported and the node goes on."""
        self.health.arrived(topic)
        try:
            self.submit(self.store(topic, message))
        except Exception as error:
            self.report_fault(error, f"{topic}: ")

    def submit(self, jobs: Iterable[Job]) -> None:
        """Hand complete jobs to the worker; the newest wins."""
        for job in jobs:
            if self._worker is None or self._worker.offer(job):
                self.health.dropped("superseded")

    def wanted(self) -> frozenset[str]:
        """Output topics that somebody listens to."""
        ports = self._ports_out.copy()
        return frozenset(topic for topic, port in ports.items() if port.get_subscription_count() > 0)

    def _work(self, job: Job) -> None:
        wanted = self.wanted()
        if not wanted:
            self.health.dropped("no_subscriber")
            return
        try:
            answer = self.process(job, wanted)
            start = perf_counter()
            if not self.publish(answer):
                self.health.dropped("deactivated")
                return
            stages_ms = {**answer.stages_ms, "publish": (perf_counter() - start) * 1e3}
            now_ns = self.get_clock().now().nanoseconds
            self.health.produced((now_ns - answer.stamp_ns) * 1e-9, stages_ms, answer.degraded)
        except Exception as error:
            self.health.dropped("refused" if isinstance(error, InputError) else "failed")
            self.report_fault(error)

    def publish(self, answer: FrameResult) -> bool:
        """Publish an answer; False if the node was deactivated meanwhile."""
        for topic, message in answer.messages:
            with self._publishing:
                if topic not in self._ports_out:
                    return False
                self._ports_out[topic].publish(message)
        return True

    def report_fault(self, error: Exception, where: str = "") -> None:
        """Log an error of a frame once per kind and from time to time; the node goes on."""
        refused = isinstance(error, GeoPerceptionError)
        if refused:
            text = f"{where}{error}"
            kind = NUMBER.sub("#", text)  # one place can raise for different reasons, each worth its line
        else:
            place = _place(error)
            text, kind = (
                f"{where}{type(error).__name__}: {error} ({place})",
                f"{type(error).__name__} {place}",
            )
        times = self.health.trouble(kind, text)
        if times:
            log = self.get_logger().warning if refused else self.get_logger().error
            log(f"frame {'refused' if refused else 'failed'} ({times}x): {text}")

    # Diagnostics.

    def note(self, key: str, line: str, subject: str = "") -> None:
        """Something that lasts: warned of when it begins or its `subject` changes, and shown in diagnostics.

        An empty line takes it back.
        """
        known = self._notes.pop(key, None)
        if not line:
            return
        self._notes[key] = (subject, line)
        if known is None or known[0] != subject:
            self.get_logger().warning(line)

    def look_around(self, settings: S) -> None:
        """Once a second while active: `note` what is wrong beyond single messages."""
        names = {topic: port.topic_name for topic, port in self._ports_in.items()}
        after_s = settings.error_missing_s
        silent = self.health.never_arrived(after_s)
        line = graph_watch.silence(self, names, self._inputs, silent, after_s)
        self.note("silent", line, " ".join(silent))
        self.note("namesake", graph_watch.namesake(self))

    def _publish_diagnostics(self) -> None:
        limits = self.settings or self._settings_type()
        if self.settings is not None and self._worker is not None:
            self.look_around(self.settings)
        diagnostic_values = {
            **self.diagnostic_values(),
            "resident memory [MiB]": f"{diagnostics.resident_mb():.1f}",
        }
        notes = tuple(line for _, line in self._notes.values())
        now = diagnostics.Situation(
            self.state, bool(self.wanted()), self.dropped_messages(), diagnostic_values, notes
        )
        everything = diagnostics.statuses(self.health.report(), limits, now)
        stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostics.to_message(self.get_fully_qualified_name(), everything, stamp))


def _place(error: Exception) -> str:
    """File and line where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
