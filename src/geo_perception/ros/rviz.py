# SPDX-License-Identifier: Apache-2.0
"""Start of RViz with the frame that the camera's own messages name as its fixed frame.

A program of its own: `python -m geo_perception.ros.rviz TOPIC [TOPIC ...] -- rviz2 ...` waits for a CameraInfo on one
of the topics, then becomes the command after `--`, with `-f <frame>` added.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from time import monotonic
from typing import Any

WAIT_S = 15.0  # for a camera to speak; then RViz starts with the layout's frame, to look for what is wrong
LOOK_UP_S = 0.2


def first_frame(topics: Sequence[str], wait_s: float = WAIT_S) -> str:
    """Wait for the first CameraInfo on any of the topics and return its frame; empty when none came in time."""
    import rclpy
    from sensor_msgs.msg import CameraInfo

    from geo_perception.ros.runtime.qos import input_qos

    frames: list[str] = []

    def heard(message: Any) -> None:
        if message.header.frame_id:
            frames.append(message.header.frame_id)

    rclpy.init(args=[])
    node = rclpy.create_node(f"rviz_frame_{os.getpid()}", enable_rosout=False)
    try:
        for topic in topics:
            node.create_subscription(CameraInfo, topic, heard, input_qos(1))
        end = monotonic() + wait_s
        while not frames and monotonic() < end and rclpy.ok():
            rclpy.spin_once(node, timeout_sec=LOOK_UP_S)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return frames[0].lstrip("/") if frames else ""


def with_frame(command: Sequence[str], frame: str) -> list[str]:
    """Add a fixed frame to the command line of RViz."""
    end = command.index("--ros-args") if "--ros-args" in command else len(command)
    return [*command[:end], "-f", frame, *command[end:]]


def main() -> None:
    """Find the frame, then become RViz."""
    split = sys.argv.index("--")
    topics, command = sys.argv[1:split], sys.argv[split + 1 :]
    frame = first_frame(topics)
    if frame:
        command = with_frame(command, frame)
    else:
        listed = ", ".join(topics)
        print(f"no CameraInfo on {listed} for {WAIT_S:g} s: set the fixed frame in RViz", file=sys.stderr)
    sys.stderr.flush()
    os.execvp(command[0], command)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # told to stop before there was an RViz
        main()
