# SPDX-License-Identifier: Apache-2.0
"""What is unusual about a rig's calibration is said of the first camera, and logged when it changes."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import messages

from geo_perception.ros.nodes.camera_inputs import DoubtLog, calibration_key
from geo_perception.ros.nodes.stereo_lidar_fusion.decoder import calibration_doubts, rig_or_fault
from geo_perception.ros.nodes.stereo_lidar_fusion.parameters import LEFT_INFO, RIGHT_INFO

pytestmark = pytest.mark.ros

TWICE = [1443.0, 0, 1219.0, 0, 0, 1443.0, 346.0, 0, 0, 0, 1, 0]  # KITTI's, of twice the resolution


class Logger:
    def __init__(self) -> None:
        self.said: list[str] = []

    def warning(self, text: str) -> None:
        self.said.append(text)


def test_a_doubt_of_both_cameras_is_said_once():
    left, right = messages.info(TWICE, 1242, 375), messages.info([*TWICE[:3], -770.0, *TWICE[4:]], 1242, 375)
    assert rig_or_fault(left, right)[1] == ""
    (text,) = calibration_doubts({LEFT_INFO: left, RIGHT_INFO: right})
    assert text.startswith(
        f"{LEFT_INFO}: P: principal point 1219, 346 of a 1242x375 image (middle of 2439x693)"
    )


def test_doubts_are_logged_when_they_change():
    log, logger = DoubtLog(), Logger()
    for doubts in ((), ("a",), ("a",), (), ("a",), ("b",)):
        log(logger, doubts)
    assert logger.said == ["calibration: a", "calibration: b"]


@pytest.mark.parametrize(
    "name, value", [("d", np.ones(5)), ("r", np.zeros(9)), ("distortion_model", "equidistant")]
)
def test_another_lens_is_another_calibration(name, value):
    message, other = messages.info(TWICE, 1242, 375), messages.info(TWICE, 1242, 375)
    assert calibration_key(message) == calibration_key(other)
    setattr(other, name, value)
    assert calibration_key(message) != calibration_key(other)
