# SPDX-License-Identifier: Apache-2.0
"""Quality of service: best-effort inputs as drivers publish, reliable outputs, both overridable by parameters."""

from __future__ import annotations

from typing import Any


def input_qos(depth: int) -> Any:
    """Sensor data: best effort, volatile, keep the last `depth`. Matches reliable publishers as well."""
    from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.VOLATILE,
    )


def output_qos() -> Any:
    """Reliable with depth 1: any subscriber can connect, a slow one gets the newest and holds nothing back."""
    from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.VOLATILE,
    )


def overridable() -> Any:
    """Lets `qos_overrides.<topic>.<publisher|subscription>.<policy>` parameters change a profile."""
    from rclpy.qos import QoSPolicyKind
    from rclpy.qos_overriding_options import QoSOverridingOptions

    kinds = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY, QoSPolicyKind.DURABILITY)
    return QoSOverridingOptions(kinds)
