# SPDX-License-Identifier: Apache-2.0
"""Recognition of a bag's topics as inputs of a perception graph, whatever their namespace or names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from geo_perception.ros.bags.layout import CAMERA_TOPICS, DEFAULT_TOPICS, BagTopics

GRAPHS = {"stereo_lidar_fusion": DEFAULT_TOPICS, "indoor_depth": CAMERA_TOPICS}  # node -> its topics
DEPTH = "depth"  # in the names of topics that are no camera's images


def recognised(
    kinds: Mapping[str, str], published: Callable[[str], str] = lambda topic: topic
) -> tuple[str, BagTopics] | None:
    """Find the node whose inputs a bag holds, and the bag's names of them; missing inputs keep the node's names.

    Args:
        kinds: topic of the bag -> type.
        published: gives the name under which a topic is published.

    Returns:
        Node and topics; None if the bag has none of any node's inputs.
    """
    found = {node: _parts(kinds, published, topics) for node, topics in GRAPHS.items()}
    complete = [node for node, topics in GRAPHS.items() if found[node].keys() == topics.required.keys()]
    node = complete[0] if complete else max(found, key=lambda name: len(found[name]))
    if not found[node]:
        return None
    return node, replace(GRAPHS[node], **found[node])


def _parts(kinds: Mapping[str, str], published: Callable[[str], str], topics: BagTopics) -> dict[str, str]:
    """Map each input of a frame to the bag's topic: of the node's name or, if there is just one, below a namespace."""
    found = {}
    for part, name in topics.required.items():
        typed = [topic for topic, kind in kinds.items() if kind == topics.types[name]]
        names = {topic: f"/{published(topic).lstrip('/')}" for topic in typed}
        equal = [topic for topic in typed if names[topic] == name]
        below = [topic for topic in typed if names[topic].endswith(name) and DEPTH not in names[topic]]
        if len(equal or below) == 1:
            found[part] = (equal or below)[0]
    return found
