# SPDX-License-Identifier: Apache-2.0
"""Extrinsics through tf2's buffer: the real one where tf2_ros is installed, and a stand-in of the same interface."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers import fake_tf2
from helpers.processes import new_domain

from geo_perception.errors import InputError
from geo_perception.geometry import se3
from geo_perception.ros import conversions
from geo_perception.ros.runtime import extrinsics as module
from geo_perception.ros.runtime.extrinsics import Extrinsics

pytestmark = pytest.mark.ros
OPTICAL = se3.transform(np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], float), (0.1, 0.2, 0.3))
S = 10**9


@pytest.fixture
def node() -> Iterator[Any]:
    import rclpy
    from rclpy.context import Context
    from rclpy.signals import SignalHandlerOptions

    context = Context()
    options = SignalHandlerOptions.NO
    rclpy.init(args=[], context=context, domain_id=new_domain(), signal_handler_options=options)
    node = rclpy.create_node("frames", context=context, enable_rosout=False)
    yield node
    node.destroy_node()
    rclpy.try_shutdown(context=context)


@pytest.fixture(params=["stand-in", "tf2_ros"])
def listeners(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Listeners made from here on."""
    tf2_ros = fake_tf2 if request.param == "stand-in" else pytest.importorskip("tf2_ros")
    made: list[Any] = []

    class Listener(tf2_ros.TransformListener):  # type: ignore[name-defined,misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self)

    names = ("Buffer", "TransformException", "ExtrapolationException")
    stand_in = SimpleNamespace(TransformListener=Listener, **{name: getattr(tf2_ros, name) for name in names})
    monkeypatch.setitem(sys.modules, "tf2_ros", stand_in)
    return made


def stamped(parent: str, child: str, matrix: np.ndarray, stamp_ns: int = 0) -> Any:
    header = conversions.header(stamp_ns, parent)
    return SimpleNamespace(transforms=[conversions.transform_from_matrix(matrix, header, child)])


def shifted(x: float) -> np.ndarray:
    return se3.transform(np.eye(3), (x, 0, 0))


def test_a_lidar_on_a_moving_joint_is_where_it_was_at_the_images_time(
    node: Any, listeners: list[Any]
) -> None:
    extrinsics = Extrinsics(node, ())
    (listener,) = listeners
    listener.static_callback(stamped("base", "camera", OPTICAL))
    for stamp_ns, x in ((1 * S, 0.0), (2 * S, 1.0)):
        listener.callback(stamped("base", "velodyne", shifted(x), stamp_ns))
    for stamp_ns, x in ((1 * S, 0.0), (3 * S // 2, 0.5), (2 * S, 1.0)):
        expected = se3.inverse(OPTICAL) @ shifted(x)
        assert np.allclose(extrinsics.lookup("/camera", "velodyne", stamp_ns), expected, atol=1e-9)
    assert extrinsics.diagnostic_values() == {"extrinsics": "tf2_ros", "transforms left out": "0"}


def test_the_transform_of_a_moment_may_come_after_the_image(
    node: Any, listeners: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0.0)
    extrinsics = Extrinsics(node, ())
    (listener,) = listeners
    listener.static_callback(stamped("base", "camera", np.eye(4)))
    listener.callback(stamped("base", "velodyne", shifted(0), 1 * S))
    listener.callback(stamped("base", "velodyne", shifted(1), 2 * S))
    with pytest.raises(InputError, match=r"into the future.*; give the parameter camera_from_lidar"):
        extrinsics.lookup("camera", "velodyne", 5 * S // 2)
    monkeypatch.setattr(module, "WAIT_S", 60.0)
    later = threading.Thread(target=lambda: listener.callback(stamped("base", "velodyne", shifted(2), 3 * S)))
    later.start()
    found = extrinsics.lookup("camera", "velodyne", 5 * S // 2)
    later.join()
    assert np.allclose(found, shifted(1.5))


def test_bad_transforms_do_no_harm_and_are_said_once(
    node: Any, listeners: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(node, "get_logger", lambda: SimpleNamespace(warning=said.append))
    extrinsics = Extrinsics(node, ())
    (listener,) = listeners
    listener.static_callback(stamped("base", "camera", OPTICAL))
    for child, numbers in (("gps", {"w": 0.0}), ("imu", {"x": float("nan")}), ("", {}), ("base", {})):
        bad = stamped("base", child, np.eye(4))
        for name, value in numbers.items():
            setattr(bad.transforms[0].transform.rotation, name, value)
        for hear in (listener.static_callback, listener.callback, listener.callback):
            hear(bad)
    assert len(said) == 4
    assert "frame 'gps' in 'base' is left out: a quaternion needs 4 finite values" in said[0]
    assert extrinsics.diagnostic_values()["transforms left out"] == "12"
    listener.static_callback(stamped("base", "velodyne", np.eye(4)))
    assert np.allclose(extrinsics.lookup("camera", "velodyne", S), se3.inverse(OPTICAL))


def test_unknown_frames_are_named_with_the_cure_and_the_same_frame_needs_none(
    node: Any, listeners: list[Any]
) -> None:
    extrinsics = Extrinsics(node, ())
    with pytest.raises(InputError, match=r"no transform from 'velodyne' to 'camera'.*camera_from_lidar"):
        extrinsics.lookup("camera", "velodyne", S)
    assert np.array_equal(extrinsics.lookup("/camera", "camera", S), np.eye(4))


def test_closing_stops_listening(node: Any, listeners: list[Any]) -> None:
    before = len(list(node.subscriptions))
    extrinsics = Extrinsics(node, ())
    extrinsics.close()
    extrinsics.close()
    assert len(list(node.subscriptions)) == before
    assert not getattr(listeners[0], "registered", False)
