# SPDX-License-Identifier: Apache-2.0
"""Lidar to camera from the parameter or from /tf_static."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from geo_perception.errors import ConfigError, InputError
from geo_perception.geometry import se3
from geo_perception.ros.runtime.extrinsics import Extrinsics, matrix_from_parameter

pytestmark = pytest.mark.ros
MATRIX = se3.transform(np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], float), (0.1, 0.2, 0.3))


class FakeNode:
    """Takes subscriptions and nothing else."""

    def __init__(self) -> None:
        self.open: dict[int, Any] = {}
        self.said: list[str] = []

    def get_logger(self) -> Any:
        return SimpleNamespace(warning=self.said.append)

    def create_subscription(self, kind: Any, topic: str, callback: Any, qos: Any) -> int:
        assert topic == "/tf_static"
        self.open[len(self.open)] = callback
        return len(self.open) - 1

    def destroy_subscription(self, number: int) -> None:
        del self.open[number]


@pytest.fixture(autouse=True)
def no_tf2_ros(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own reader is what is tested here; test_tf2.py has the buffer."""
    monkeypatch.setitem(sys.modules, "tf2_ros", None)


@pytest.fixture
def tf2_msgs(monkeypatch: pytest.MonkeyPatch) -> None:
    """tf2_msgs as on a robot; its message is never made here."""
    package, messages = ModuleType("tf2_msgs"), ModuleType("tf2_msgs.msg")
    messages.TFMessage = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tf2_msgs", package)
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", messages)


def static(parent: str, child: str, parent_from_child: np.ndarray) -> Any:
    quat = se3.quaternion_from_rotation(parent_from_child[:3, :3])
    shift = parent_from_child[:3, 3]
    transform = SimpleNamespace(
        translation=SimpleNamespace(**dict(zip("xyz", map(float, shift), strict=True))),
        rotation=SimpleNamespace(**dict(zip("xyzw", map(float, quat), strict=True))),
    )
    header = SimpleNamespace(frame_id=parent)
    return SimpleNamespace(
        transforms=[SimpleNamespace(header=header, child_frame_id=child, transform=transform)]
    )


def test_the_parameter_wins_and_nothing_is_listened_to() -> None:
    node = FakeNode()
    extrinsics = Extrinsics(node, tuple(MATRIX.reshape(-1)))
    assert np.allclose(extrinsics.lookup("any", "other"), MATRIX)
    assert not node.open
    extrinsics.close()


def test_no_values_mean_no_matrix_and_bad_ones_an_error() -> None:
    assert matrix_from_parameter(()) is None
    with pytest.raises(ConfigError, match="camera_from_lidar: a transform needs 16 values"):
        matrix_from_parameter((1.0,))


@pytest.mark.usefixtures("tf2_msgs")
def test_tf_static_in_two_hops_and_corrected_later() -> None:
    node = FakeNode()
    extrinsics = Extrinsics(node, ())
    with pytest.raises(InputError, match="is not in /tf_static"):
        extrinsics.lookup("camera", "velodyne")
    heard = node.open[0]
    heard(static("base", "camera", MATRIX))
    heard(static("base", "velodyne", np.eye(4)))
    assert np.allclose(extrinsics.lookup("/camera", "velodyne"), se3.inverse(MATRIX))
    heard(static("base", "velodyne", MATRIX))
    assert np.allclose(extrinsics.lookup("camera", "velodyne"), np.eye(4))
    extrinsics.close()
    extrinsics.close()
    assert not node.open


def test_without_tf_the_line_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2_msgs", None)
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", None)
    node = FakeNode()
    extrinsics = Extrinsics(node, ())
    assert len(node.said) == 1 and "tf2_msgs is not installed" in node.said[0]
    assert "give the parameter camera_from_lidar" in node.said[0]
    with pytest.raises(InputError, match="tf2_msgs is not installed; give the parameter camera_from_lidar"):
        extrinsics.lookup("camera", "velodyne")
    assert np.array_equal(extrinsics.lookup("camera", "/camera"), np.eye(4))  # needs nobody's help


@pytest.mark.usefixtures("tf2_msgs")
def test_bad_transforms_of_other_frames_change_nothing_and_are_said_once() -> None:
    node = FakeNode()
    extrinsics = Extrinsics(node, ())
    heard = node.open[0]
    heard(static("base", "camera", MATRIX))
    heard(static("base", "velodyne", np.eye(4)))
    for _ in range(3):
        heard(spoilt("base", "gps", w=0.0))
        heard(spoilt("base", "imu", x=float("nan")))
        heard(static("", "antenna", MATRIX))
        heard(static("base", "", MATRIX))
        heard(static("wheel", "wheel", MATRIX))
        heard(static("left", "right", MATRIX))
        heard(static("right", "left", MATRIX))  # a loop, elsewhere
    assert np.allclose(extrinsics.lookup("camera", "velodyne"), se3.inverse(MATRIX))
    assert len(node.said) == 5
    assert "frame 'gps' in 'base' is left out: a quaternion needs 4 finite values" in node.said[0]
    assert extrinsics.diagnostic_values()["transforms left out"] == "15"


@pytest.mark.usefixtures("tf2_msgs")
def test_a_bad_transform_of_the_lidar_is_named_where_it_is_missed() -> None:
    node = FakeNode()
    extrinsics = Extrinsics(node, ())
    node.open[0](static("base", "camera", MATRIX))
    node.open[0](spoilt("base", "velodyne", w=0.0))
    with pytest.raises(InputError, match=r"'velodyne' was left out: a quaternion .*camera_from_lidar"):
        extrinsics.lookup("camera", "velodyne")
    node.open[0](static("base", "velodyne", np.eye(4)))
    assert np.allclose(extrinsics.lookup("camera", "velodyne"), se3.inverse(MATRIX))
    node.open[0](spoilt("base", "velodyne", w=0.0))  # as in tf2, the last good one stays
    assert np.allclose(extrinsics.lookup("camera", "velodyne"), se3.inverse(MATRIX))


@pytest.mark.usefixtures("tf2_msgs")
def test_a_loop_on_the_way_is_named() -> None:
    node = FakeNode()
    extrinsics = Extrinsics(node, ())
    for parent, child in (("a", "camera"), ("b", "a"), ("a", "b"), ("base", "velodyne")):
        node.open[0](static(parent, child, MATRIX))
    with pytest.raises(InputError, match="loop through frame 'a'"):
        extrinsics.lookup("camera", "velodyne")


def spoilt(parent: str, child: str, **numbers: float) -> Any:
    """A transform without rotation, but for these parts of its quaternion."""
    message = static(parent, child, np.eye(4))
    vars(message.transforms[0].transform.rotation).update(numbers)
    return message
