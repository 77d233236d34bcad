# SPDX-License-Identifier: Apache-2.0
"""Tasks of the graphs that live evaluation can run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from geo_perception.errors import ConfigError
from geo_perception.resources import resource
from geo_perception.ros.graphs import find_graph
from geo_perception.ros.live_eval.indoor_depth import IndoorTask
from geo_perception.ros.live_eval.stereo_lidar_fusion import FusionTask
from geo_perception.ros.live_eval.task import LiveEvalTask

LIVE_EVAL_TASKS: dict[str, LiveEvalTask] = {"kitti_fusion": FusionTask(), "indoor_depth": IndoorTask()}


def task_of(graph: str) -> LiveEvalTask:
    """Look up the task of a graph. Raises ConfigError for one without a task."""
    find_graph(graph)
    if graph not in LIVE_EVAL_TASKS:
        raise ConfigError(f"demo plays {', '.join(LIVE_EVAL_TASKS)}, not {graph}")
    return LIVE_EVAL_TASKS[graph]


def node_parameters(graph: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    """Read the node's parameters from its parameter file and the graph's arguments."""
    (node,) = find_graph(graph).nodes
    known = {argument.name: argument for argument in find_graph(graph).arguments}
    file = Path(arguments.get("params_file") or resource(node.parameter_file))
    written = yaml.safe_load(file.read_text())["/**"]["ros__parameters"]
    given = {name: value for name, value in arguments.items() if value and name in node.parameters}
    return {**written, **{name: yaml.safe_load(known[name].yaml(value)) for name, value in given.items()}}
