# SPDX-License-Identifier: Apache-2.0
"""Subscriptions and publishers of a node, which say so when another's quality of service keeps them apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geo_perception.ros.runtime import qos

Say = Callable[[str, str], None]  # takes what a line is about, so that it is said once, and the line


def open_input(node: Any, kind: Any, topic: str, depth: int, receive: Callable[[Any], None], say: Say) -> Any:
    """A sensor-data subscription; what it cannot connect to is said."""
    from rclpy.event_handler import SubscriptionEventCallbacks

    def refused(info: Any) -> None:
        name, policy = port.topic_name, policy_name(info)
        cure = f"qos_overrides.{name}.subscription.{policy}"
        say(
            f"qos {topic}",
            f"{topic}: a publisher of {name} offers another {policy} than is asked for, so that nothing of it "
            f"arrives; set the parameter {cure} to what the publisher offers (`ros2 topic info -v {name}`)",
        )

    port = node.create_subscription(
        kind,
        topic,
        receive,
        qos.input_qos(depth),
        qos_overriding_options=qos.overridable(),
        event_callbacks=SubscriptionEventCallbacks(incompatible_qos=refused),
    )
    return port


def open_output(node: Any, kind: Any, topic: str, say: Say) -> Any:
    """A reliable publisher; a subscriber that asks for more is named by policy."""
    from rclpy.event_handler import PublisherEventCallbacks

    def refused(info: Any) -> None:
        name, policy = port.topic_name, policy_name(info)
        cure = f"qos_overrides.{name}.publisher.{policy}"
        say(
            f"qos {topic}",
            f"{topic}: a subscriber of {name} asks for another {policy} than is offered, so that it gets nothing; "
            f"change the subscriber, or set the parameter {cure}",
        )

    port = node.create_publisher(
        kind,
        topic,
        qos.output_qos(),
        qos_overriding_options=qos.overridable(),
        event_callbacks=PublisherEventCallbacks(incompatible_qos=refused),
    )
    return port


def policy_name(info: Any) -> str:
    """The policy of an incompatible-QoS event, as in parameter names: reliability, durability ..."""
    from rclpy.qos import QoSPolicyKind

    return str(QoSPolicyKind(info.last_policy_kind).name).lower()
