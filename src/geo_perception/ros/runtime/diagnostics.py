# SPDX-License-Identifier: Apache-2.0
"""A node's health as /diagnostics: three statuses (inputs, outputs, model), with thresholds from parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from geo_perception.ros.runtime.health import HealthReport

OK, WARN, ERROR = 0, 1, 2  # diagnostic_msgs/DiagnosticStatus
FOREIGN_CLOCK_S = 3600.0  # an age beyond an hour means that the stamps come from another clock


class Thresholds(Protocol):
    """The settings that decide on levels."""

    @property
    def warn_missing_s(self) -> float: ...
    @property
    def error_missing_s(self) -> float: ...
    @property
    def warn_age_s(self) -> float: ...
    @property
    def error_age_s(self) -> float: ...
    @property
    def warn_rate_hz(self) -> float: ...


@dataclass(frozen=True)
class Status:
    """One diagnostic_msgs/DiagnosticStatus without its message class."""

    part: str
    level: int
    message: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Situation:
    """State of the node that decides the levels beside the figures."""

    state: str  # life-cycle state
    wanted: bool  # whether anybody listens to an output
    drops: Mapping[str, int]  # messages the synchroniser dropped, by reason
    diagnostic_values: Mapping[str, str]  # model, device and the like
    notes: tuple[str, ...] = ()  # what is wrong with the inputs beyond silence, while it lasts


def statuses(report: HealthReport, limits: Thresholds, now: Situation) -> list[Status]:
    """All statuses of one node."""
    return [inputs_status(report, limits, now), outputs_status(report, limits, now), facts_status(now)]


def inputs_status(report: HealthReport, limits: Thresholds, now: Situation) -> Status:
    """Rates, and which input is missing for how long."""
    values = {f"{name} rate [Hz]": f"{rate:.2f}" for name, rate in report.rates_in_hz.items()}
    values |= {f"{name} silent for [s]": f"{silence:.2f}" for name, silence in report.silence_s.items()}
    values |= {f"dropped messages: {reason}": str(count) for reason, count in now.drops.items()}
    if now.state != "active":
        return Status("inputs", OK, now.state, values)
    missing = {name: s for name, s in report.silence_s.items() if s > limits.warn_missing_s}
    if not missing and not now.notes:
        return Status("inputs", OK, "all inputs arrive", values)
    level = ERROR if max(missing.values(), default=0.0) > limits.error_missing_s else WARN
    said = (*(_missing(report, name) for name in missing), *now.notes)
    return Status("inputs", level, "; ".join(said), values)


def _missing(report: HealthReport, name: str) -> str:
    ever = "no message" if report.ever_arrived[name] else "never a message"
    return f"{name}: {ever} for {report.silence_s[name]:.1f} s"


def outputs_status(report: HealthReport, limits: Thresholds, now: Situation) -> Status:
    """Rate, age, stage times, skipped sets and errors."""
    values = {"rate [Hz]": f"{report.rate_out_hz:.2f}", "published": str(report.produced)}
    values |= {f"age {share} [ms]": f"{age:.1f}" for share, age in report.age_ms.items()}
    values |= {f"stage {stage} [ms]": f"{spent:.2f}" for stage, spent in report.stages_ms.items()}
    values |= {f"skipped sets: {reason}": str(count) for reason, count in report.drops.items()}
    values |= {f"trouble: {text}": str(count) for text, count in report.troubles.items()}
    values["degraded"] = report.degraded or "no"
    level, message = _outputs_level(report, limits, now)
    return Status("outputs", level, message, values)


def _outputs_level(report: HealthReport, limits: Thresholds, now: Situation) -> tuple[int, str]:
    """The first thing that is wrong, worst first."""
    age_s = report.age_ms.get("p95", 0.0) / 1e3
    hint = " (stamps of another clock? use_sim_time)" if age_s > FOREIGN_CLOCK_S else ""
    age_level = ERROR if age_s > limits.error_age_s else WARN
    silent = report.rate_out_hz == 0 and all(report.ever_arrived.values())
    findings = [
        (now.state != "active", OK, now.state),
        (report.recent_trouble, WARN, report.recent_trouble),
        (not now.wanted, OK, "idle: no subscriber on any output"),
        (age_s > limits.warn_age_s, age_level, f"5% of outputs are older than {age_s:.3f} s{hint}"),
        (silent, WARN, "inputs arrive, nothing goes out: see dropped messages and skipped sets"),
        (report.rate_out_hz < limits.warn_rate_hz, WARN, f"only {report.rate_out_hz:.2f} outputs/s"),
        (report.degraded, WARN, f"degraded: {report.degraded}"),
    ]
    for found, level, message in findings:
        if found:
            return level, message
    return OK, f"{report.rate_out_hz:.1f} outputs/s"


def facts_status(now: Situation) -> Status:
    """Model, device, memory."""
    return Status("model", OK, now.state, {"state": now.state, **now.diagnostic_values})


def resident_mb() -> float:
    """Resident memory of this process in MiB."""
    import psutil

    return float(psutil.Process().memory_info().rss) / 2**20


def to_message(full_name: str, all_statuses: Iterable[Status], stamp: Any) -> Any:
    """diagnostic_msgs/DiagnosticArray with statuses named `<namespace>/<node>: <part>`.

    The hardware id is the node's full name, for two nodes of a robot may differ in their namespaces alone.
    """
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

    out = DiagnosticArray()
    out.header.stamp = stamp
    for status in all_statuses:
        out.status.append(
            DiagnosticStatus(
                level=bytes([status.level]),
                name=f"{full_name.lstrip('/')}: {status.part}",
                message=status.message,
                hardware_id=full_name,
                values=[KeyValue(key=key, value=value) for key, value in status.values.items()],
            )
        )
    return out
