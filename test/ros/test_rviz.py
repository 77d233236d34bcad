# SPDX-License-Identifier: Apache-2.0
"""RViz starts with the frame that the robot's own camera names."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from helpers.processes import Process, local_ros_environment, new_domain
from helpers.ros_peer import Peer

from geo_perception.ros.rviz import with_frame

pytestmark = pytest.mark.ros
SHOW = (sys.executable, "-c", "import sys; print('SHOWN', *sys.argv[1:])")  # in RViz's place


@pytest.fixture
def camera() -> Iterator[tuple[int, threading.Event]]:
    """A camera that speaks on its domain until told to stop, at first without a frame."""
    from sensor_msgs.msg import CameraInfo

    domain, enough = new_domain(), threading.Event()
    peer = Peer(domain)
    publisher = peer.publisher(CameraInfo, "/cam/camera_info")

    def speak() -> None:
        frame = ""
        while not enough.wait(0.05):
            message = CameraInfo()
            message.header.frame_id = frame
            publisher.publish(message)
            frame = "/head_optical"

    thread = threading.Thread(target=speak)
    thread.start()
    yield domain, enough
    enough.set()
    thread.join()
    peer.close()


def test_the_first_frame_that_is_named_is_the_fixed_frame(camera: tuple[int, threading.Event]) -> None:
    domain, _ = camera
    words = (
        "/silent/camera_info",
        "/cam/camera_info",
        "--",
        *SHOW,
        "-d",
        "layout",
        "--ros-args",
        "-r",
        "a:=b",
    )
    program = Process("geo_perception.ros.rviz", *words, environment=local_ros_environment(domain))
    assert program.wait_for_exit() == 0
    assert program.lines == ["SHOWN -d layout -f head_optical --ros-args -r a:=b"]


def test_a_frame_stands_before_the_arguments_of_ros() -> None:
    assert with_frame(["rviz2"], "map") == ["rviz2", "-f", "map"]
    assert with_frame(["rviz2", "--ros-args", "-p", "x"], "map") == [
        "rviz2",
        "-f",
        "map",
        "--ros-args",
        "-p",
        "x",
    ]
