# SPDX-License-Identifier: Apache-2.0
"""What the ROS graph tells of inputs that stay away, and of a node that runs twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

SHOWN = 5  # topics offered as a hint: more would hide the line's message


def type_name(kind: Any) -> str:
    """`sensor_msgs/msg/Image` of the message class."""
    return f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"


def silence(node: Any, names: Mapping[str, str], kinds: Mapping[str, Any], after_s: float) -> str:
    """Why inputs have been silent since the start, in one line; empty for none.

    Args:
        node: rclpy's node.
        names: input -> full topic name, of the silent ones.
        kinds: input -> message class.
        after_s: how long they have been silent at least.
    """
    texts = _reasons(node, names, kinds) if names else []
    return f"no message for {after_s:g} s after the start: {'; '.join(texts)}" if texts else ""


def namesake(node: Any) -> str:
    """A line if another node has this node's full name; empty if none."""
    own = (node.get_name(), node.get_namespace())
    others = _count(own, node.get_node_names_and_namespaces()) - 1
    if others < 1:
        return ""
    return (
        f"{others} more node{'s' * (others > 1)} named {node.get_fully_qualified_name()}: outputs and services mix; "
        "end one, or give one another namespace (namespace:=...)"
    )


def _reasons(node: Any, names: Mapping[str, str], kinds: Mapping[str, Any]) -> list[str]:
    """One text each, inputs without any publisher together."""
    texts, unpublished = [], {}
    for topic, name in names.items():
        found = node.get_publishers_info_by_topic(name)
        wanted = type_name(kinds[topic])
        others = sorted({info.topic_type for info in found} - {wanted})
        if not found:
            unpublished[name] = wanted
        elif others:
            texts.append(f"{name} is published as {', '.join(others)}, this node reads {wanted}")
        else:
            who = ", ".join(sorted({_full_name(info.node_namespace, info.node_name) for info in found}))
            texts.append(f"{name} is published by {who}, but nothing arrives (`geo-perception doctor`?)")
    if unpublished:
        texts.insert(0, f"no publisher on {', '.join(unpublished)}{_hint(node, unpublished)}")
    return texts


def _hint(node: Any, unpublished: Mapping[str, str]) -> str:
    """Topics of the missing types that somebody publishes."""
    there = []
    for name, types in node.get_topic_names_and_types():
        if name not in unpublished and set(types) & set(unpublished.values()):
            there += [name] if _published_by_others(node, name) else []
    if not there:
        return ""
    more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
    return f" (remap? of these types there is: {', '.join(there[:SHOWN])}{more})"


def _published_by_others(node: Any, name: str) -> bool:
    own = (node.get_namespace(), node.get_name())
    infos = node.get_publishers_info_by_topic(name)
    return any((info.node_namespace, info.node_name) != own for info in infos)


def _count(wanted: tuple[str, str], pairs: Iterable[tuple[str, str]]) -> int:
    return sum(1 for name, namespace in pairs if (name, namespace) == wanted)


def _full_name(namespace: str, name: str) -> str:
    return f"{namespace.rstrip('/')}/{name}"
