# SPDX-License-Identifier: Apache-2.0
"""Bags for a live evaluation: given, converted from other data, or simulated once and kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

from geo_perception.errors import DataError
from geo_perception.ros.live_eval.task import BagSource, LiveEvalTask, Request


def source_of(request: Request, task: LiveEvalTask) -> BagSource:
    """Find or make the bag to play, and check that it is not empty.

    Raises:
        GeoPerceptionError: the data are missing, damaged or of no known kind, or a bag lacks a topic.
    """
    if request.data is None:
        source = _simulated(request, task)
    elif request.data.exists():
        source = task.given(request)
    else:
        raise DataError(f"{request.data} does not exist; give data, or nothing for a simulated world")
    source.info()
    return source


def _simulated(request: Request, task: LiveEvalTask) -> BagSource:
    """Simulate the task's world of this seed; the bag is kept for the next live evaluation."""
    width, height = (round(side * request.scale) for side in task.size)
    name = f"{task.world}-{_simulator_version()}-seed{request.seed}-{request.frames}x{width}x{height}"
    path = request.folder / name
    if not path.exists():
        task.simulate(path, request.seed, request.frames, width, height)
    return task.simulated(path)


def _simulator_version() -> str:
    """Hash the simulator's code, so that a kept bag is never one that the present simulator would not make."""
    from geo_perception import simulation

    digest = hashlib.sha256()
    for file in sorted(Path(simulation.__path__[0]).rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:8]
