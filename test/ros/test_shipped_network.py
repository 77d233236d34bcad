# SPDX-License-Identifier: Apache-2.0
"""The node as it is shipped: its default fusion network, over DDS, in a process of its own."""

import os

import numpy as np
import pytest
from helpers.fusion_run import FusionRun
from helpers.processes import local_ros_environment
from helpers.stereo_scene import HEIGHT, WIDTH

from geo_perception.ros import conversions
from geo_perception.ros.nodes.stereo_lidar_fusion.parameters import FusionSettings

pytestmark = pytest.mark.ros


@pytest.fixture(autouse=True)
def this_machine_only() -> None:
    os.environ.update(local_ros_environment())


def test_the_default_network_answers() -> None:
    default = FusionSettings()
    assert default.fusion == "scadc"
    run = FusionRun("fusion:=scadc", f"precision:={default.precision}", listen=("depth", "confidence"))
    try:
        frame, stamp_ns = run.next_frame()
        run.peer.send(frame)
        depth_m = conversions.decode_image(run.peer.wait_for_output(stamp_ns, "depth"))
        confidence = conversions.decode_image(run.peer.wait_for_output(stamp_ns, "confidence"))
        assert depth_m.shape == (HEIGHT, WIDTH) and (depth_m > 0).all()
        assert 0 <= np.min(confidence) < np.max(confidence) <= 1
        assert run.complaints == []
    finally:
        run.close()
