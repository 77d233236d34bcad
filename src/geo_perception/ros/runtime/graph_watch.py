# SPDX-License-Identifier: Apache-2.0
"""Diagnosis by the ROS graph of inputs that do not arrive, and of a node that runs twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SHOWN = 5  # topics offered as a hint: more would hide the line's message


def type_name(kind: Any) -> str:
    """`sensor_msgs/msg/Image` of the message class."""
    return f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"


def publishing_nodes(node: Any, topic: str) -> list[str]:
    """Full names of the nodes that publish on a topic."""
    found = node.get_publishers_info_by_topic(topic)
    return sorted({f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in found})


def silence(
    node: Any, inputs: Mapping[str, str], kinds: Mapping[str, Any], silent: Iterable[str], after_s: float
) -> str:
    """Why inputs have been silent since the start, in one line; empty for none.

    Args:
        node: rclpy's node.
        inputs: topic of the node -> full topic name.
        kinds: topic of the node -> message class.
        silent: topics of the node that have brought nothing.
        after_s: for how long at least.
    """
    wanted = {inputs[topic]: type_name(kinds[topic]) for topic in silent if topic in inputs}
    texts = list(_reasons(node, wanted, frozenset(inputs.values())))
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


def _reasons(node: Any, wanted: Mapping[str, str], own: frozenset[str]) -> Iterator[str]:
    """Silent topics by what is wrong with them. `wanted`: full name -> type, `own`: all inputs' full names."""
    unpublished, unheard = [], []
    for name, kind in wanted.items():
        found = node.get_publishers_info_by_topic(name)
        others = sorted({info.topic_type for info in found} - {kind})
        if not found:
            unpublished.append(name)
        elif others:
            yield f"{name} is published as {', '.join(others)}, this node reads {kind}"
        else:
            unheard.append(f"{name} (published by {', '.join(publishing_nodes(node, name))})")
    if unpublished:
        yield f"no publisher on {', '.join(unpublished)}{_hint(node, {wanted[n] for n in unpublished}, own)}"
    if unheard:
        yield (
            f"nothing arrives on {', '.join(unheard)}: does it send, and does the transport carry it "
            "(`geo-perception doctor`)?"
        )


def _hint(node: Any, kinds: set[str], own: frozenset[str]) -> str:
    """Topics of these types that somebody else publishes and this node does not read."""
    there = [
        name
        for name, types in node.get_topic_names_and_types()
        if name not in own and kinds & set(types) and _published_by_others(node, name)
    ]
    if not there:
        return ""
    more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
    return f" (of these types there is {', '.join(there[:SHOWN])}{more}: remap?)"


def _published_by_others(node: Any, name: str) -> bool:
    own = (node.get_namespace(), node.get_name())
    infos = node.get_publishers_info_by_topic(name)
    return any((info.node_namespace, info.node_name) != own for info in infos)


def _count(wanted: tuple[str, str], pairs: Iterable[tuple[str, str]]) -> int:
    return sum(1 for name, namespace in pairs if (name, namespace) == wanted)
