# SPDX-License-Identifier: Apache-2.0
"""How a process ended, in words."""

from __future__ import annotations

import pytest

from geo_perception.ros.runtime.exits import exit_text, program_name


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "code 0"),
        (2, "code 2"),
        (-9, "signal SIGKILL (by somebody, or by the kernel for want of memory: `dmesg` tells)"),
        (-15, "signal SIGTERM"),
        (-37, "signal 37"),
    ],
)
def test_codes(code: int, text: str) -> None:
    assert exit_text(code) == text


def test_names() -> None:
    assert program_name(["python", "-m", "a.b.stereo_lidar_fusion", "--ros-args"]) == "stereo_lidar_fusion"
    assert program_name(["/usr/bin/rviz2", "-d", "x"]) == "rviz2"
