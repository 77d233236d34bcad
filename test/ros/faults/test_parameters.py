# SPDX-License-Identifier: Apache-2.0
"""Parameters changed while the node runs: live ones act, others and impossible values are refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import stereo_scene
from helpers.fusion_run import FusionRun

pytestmark = pytest.mark.ros


def test_depth_encoding_changes_live(fusion: FusionRun) -> None:
    fusion.expect_good()
    for encoding in ("16UC1", "32FC1"):
        assert fusion.set_parameter("depth_encoding", encoding).successful
        stamp_ns = fusion.expect_good()  # checks the depth, whatever the encoding
        assert fusion.peer.outputs["depth"][stamp_ns].encoding == encoding


def test_extrinsics_change_live(fusion: FusionRun) -> None:
    """A lidar said to look backwards has no return in view; taken back, all is well again."""
    turned = stereo_scene.CAMERA_FROM_LIDAR.copy()
    turned[[0, 2]] *= -1
    assert fusion.set_parameter("camera_from_lidar", turned.ravel().tolist()).successful
    line = len(fusion.process.lines)
    frame, stamp_ns = fusion.next_frame()
    fusion.peer.send(frame)
    fusion.process.wait_for_line("no return falls into the image", after=line)
    assert fusion.set_parameter(
        "camera_from_lidar", stereo_scene.CAMERA_FROM_LIDAR.ravel().tolist()
    ).successful
    fusion.expect_good()
    assert stamp_ns not in fusion.peer.outputs["depth"]


def test_changes_between_the_messages_of_a_frame(fusion: FusionRun) -> None:
    """The synchroniser is made anew under way: that frame may be lost, the next is not."""
    for timeout_s in (0.05, 0.1, 0.2):
        frame, _ = fusion.next_frame()
        fusion.peer.send({"left": frame["left"], "left_info": frame["left_info"]})
        assert fusion.set_parameter("timeout_s", timeout_s).successful
        fusion.peer.send({name: frame[name] for name in ("right", "right_info", "points")})
        fusion.expect_good()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("stereo", "psmnet", "takes effect when the node is configured"),
        ("fusion_model", "other", "takes effect when the node is configured"),
        ("max_depth_m", 50.0, "takes effect when the node is configured"),
        ("on_missing", "panic", "must be one of hold, degrade, got 'panic'"),
        ("timeout_s", -1.0, "out of range Min: 0.0"),
        ("timeout_s", float("nan"), "value: nan"),
        ("timeout_s", "soon", "must be float"),
        ("camera_from_lidar", [1.0, 2.0], "camera_from_lidar"),
        ("camera_from_lidar", [2.0] * 16, "camera_from_lidar"),
        ("preview_min_m", 1e6, "not below preview_max_m"),
        ("no_such_parameter", 1, "undeclared"),
    ],
)
def test_refused_with_the_reason(fusion: FusionRun, name: str, value: Any, says: str) -> None:
    result = fusion.set_parameter(name, value)
    assert not result.successful
    assert says in result.reason
    fusion.expect_good()
