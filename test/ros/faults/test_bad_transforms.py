# SPDX-License-Identifier: Apache-2.0
"""Transforms on /tf_static that cannot be: the live node leaves them out, says so once, and uses the others.

Where tf2_msgs is not installed, a TransformStamped stands in for its list, so that the node's own subscription and
executor run. tf2_ros, where it is installed, has its own reader and its own words.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import stereo_scene
from helpers.fusion_run import MODULE, FusionRun
from helpers.processes import Process, local_ros_environment, new_domain
from helpers.ros_peer import FusionPeer

from geo_perception.ros import conversions

pytestmark = pytest.mark.ros
STAND_IN = """
from geometry_msgs.msg import TransformStamped as TFMessage
TFMessage.transforms = property(lambda self: [self])
"""


def stamped(parent: str, child: str, matrix: np.ndarray, **rotation: float) -> Any:
    message = conversions.transform_from_matrix(matrix, conversions.header(1, parent), child)
    for name, value in rotation.items():
        setattr(message.transform.rotation, name, value)
    return message


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """A node without camera_from_lidar, that finds the stand-in and no tf2_ros."""
    (tmp_path / "tf2_msgs").mkdir()
    (tmp_path / "tf2_msgs" / "__init__.py").touch()
    (tmp_path / "tf2_msgs" / "msg.py").write_text(STAND_IN)
    (tmp_path / "tf2_ros.py").write_text("raise ImportError('not here')")
    run = FusionRun.__new__(FusionRun)
    run.domain_id = new_domain()
    run.peer = FusionPeer(run.domain_id, ("depth",))
    environment = {**local_ros_environment(run.domain_id), "PYTHONPATH": str(tmp_path)}
    parameters = ("fusion:=confidence", "warn_age_s:=1e10", "error_age_s:=2e10")
    words = [word for parameter in parameters for word in ("-p", parameter)]
    run.process = Process(
        MODULE, "--ros-args", *words, environment=environment, on_end=lambda: run.peer.give_up("it has ended")
    )
    yield run
    run.close()


def test_bad_transforms_are_left_out_and_the_others_used(run: Any) -> None:
    from geometry_msgs.msg import TransformStamped
    from rclpy.qos import DurabilityPolicy, QoSProfile

    latched = QoSProfile(depth=20, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    frames = run.peer.publisher(TransformStamped, "/tf_static", latched)
    eye = np.eye(4)
    for _ in range(2):
        frames.publish(stamped("base_link", "gps", eye, w=0.0))
        frames.publish(stamped("base_link", "imu", eye, x=float("nan")))
        frames.publish(stamped("", "antenna", eye))
        frames.publish(stamped("wheel", "wheel", eye))
    frames.publish(stamped("camera_left_optical_frame", "velodyne", stereo_scene.CAMERA_FROM_LIDAR))
    run.last_ns, run._numbers = 10**18, iter(range(10**6))
    run.connect()
    run.expect_good()
    said = [line for line in run.process.lines if "is left out" in line]
    assert len(said) == 4, run.process.lines
    values = run.peer.wait_for_status("model", ".")
    assert values["transforms left out"] == "8"
