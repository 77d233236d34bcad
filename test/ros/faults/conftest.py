# SPDX-License-Identifier: Apache-2.0
"""Environment of the fault tests, and one node that many of them share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from helpers.fusion_run import FusionRun
from helpers.processes import local_ros_environment


@pytest.fixture(autouse=True, scope="session")
def this_machine_only() -> None:
    """The test process takes part in the graph itself; set before rclpy is imported."""
    os.environ.update(local_ros_environment())


@pytest.fixture(scope="module")
def fusion(this_machine_only: None) -> Iterator[FusionRun]:
    """A node with default settings and its peer, for all tests of a module."""
    run = FusionRun()
    yield run
    alive, lines = run.process.alive, list(run.process.lines)
    run.close()
    assert alive, "the node died; output:\n" + "\n".join(lines)
