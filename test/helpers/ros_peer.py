# SPDX-License-Identifier: Apache-2.0
"""The other side of a node: publishes crafted frames, hears its outputs and diagnostics, calls its services.

Every wait is for something that is signalled; limits only end a test that failed.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from helpers import stereo_scene

from geo_perception.ros import conversions

LIMIT_S = 90.0  # for a loaded machine, not an expectation
RESPONSE_S = 30.0  # of a service that is there, over all tries: a response may be lost
NODE = "stereo_lidar_fusion"
INPUTS = ("left", "right", "left_info", "right_info", "points")
OUTPUTS = ("depth", "info", "cloud", "confidence", "colour")
DEPTH_OUTPUTS = {
    "depth": ("Image", "depth/image_rect"),
    "info": ("CameraInfo", "depth/camera_info"),
    "cloud": ("PointCloud2", "depth/points"),
    "colour": ("Image", "depth/image_color"),
}


class Peer:
    """A ROS node in a context of its own, spinning in a thread."""

    def __init__(self, domain_id: int) -> None:
        import rclpy
        from rclpy.context import Context
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.signals import SignalHandlerOptions

        self.changed = threading.Condition()
        self.over = ""  # set when waiting has become pointless
        self.matched: dict[str, int] = {}
        self._clients: dict[str, Any] = {}
        self._context = Context()
        rclpy.init(
            args=[],
            context=self._context,
            domain_id=domain_id,
            signal_handler_options=SignalHandlerOptions.NO,
        )
        self.node = rclpy.create_node(f"peer_{os.getpid()}", context=self._context, enable_rosout=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        import rclpy

        self._executor.shutdown()
        self._thread.join()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def publisher(self, kind: Any, topic: str, qos: Any = 10) -> Any:
        from rclpy.event_handler import PublisherEventCallbacks

        events = PublisherEventCallbacks(matched=lambda info: self._count(topic, info))
        return self.node.create_publisher(kind, topic, qos, event_callbacks=events)

    def subscription(self, kind: Any, topic: str, callback: Callable[[Any], None], qos: Any = 10) -> Any:
        from rclpy.event_handler import SubscriptionEventCallbacks

        def heard(message: Any) -> None:
            with self.changed:
                callback(message)
                self.changed.notify_all()

        events = SubscriptionEventCallbacks(matched=lambda info: self._count(topic, info))
        return self.node.create_subscription(kind, topic, heard, qos, event_callbacks=events)

    def _count(self, topic: str, info: Any) -> None:
        with self.changed:
            self.matched[topic] = info.current_count
            self.changed.notify_all()

    def wait(self, condition: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
        """The first true value of `condition`, which is asked again whenever something arrived."""
        with self.changed:
            self.changed.wait_for(lambda: self.over or condition(), timeout=limit_s)
            value = condition()
        assert value, f"waited in vain for {what}; {self.over}"
        return value

    def give_up(self, reason: str) -> None:
        """End every wait: what is waited for will not come."""
        with self.changed:
            self.over = reason
            self.changed.notify_all()

    def call(self, kind: Any, service: str, request: Any, tries: int = 3) -> Any:
        """Response of a service of another node; TimeoutError if none comes.

        A response is lost that the server sends before it has found the new client's reader, so it is asked again;
        what must not be asked twice has one try. A client stays for later calls, whose responses are not lost so.
        """
        if service not in self._clients:
            self._clients[service] = self.node.create_client(kind, service)
        client = self._clients[service]
        assert client.wait_for_service(timeout_sec=LIMIT_S), f"no service {service}"
        for _ in range(tries):
            done = threading.Event()
            future = client.call_async(request)
            future.add_done_callback(lambda _, done=done: done.set())
            if done.wait(RESPONSE_S / tries):
                return future.result()
        raise TimeoutError(f"{service} did not answer")


class NodePeer(Peer):
    """Peer of a perception node. `outputs[name][stamp_ns]` are messages, `statuses` diagnostics."""

    NODE: str
    INPUTS: ClassVar[dict[str, tuple[str, str]]]  # name -> message and topic, in the order they are sent
    OUTPUTS: ClassVar[dict[str, tuple[str, str]]]

    def __init__(self, domain_id: int, listen: tuple[str, ...] | None = None) -> None:
        """Listens to all outputs unless told which."""
        from diagnostic_msgs.msg import DiagnosticArray
        from sensor_msgs import msg

        super().__init__(domain_id)
        self.outputs: dict[str, dict[int, Any]] = {name: {} for name in self.OUTPUTS}
        self.order: list[int] = []  # stamps of the depth images as they came
        self.statuses: list[Any] = []
        self.inputs = {
            name: self.publisher(getattr(msg, kind), topic) for name, (kind, topic) in self.INPUTS.items()
        }
        self.listeners = {
            name: self.listen(name, getattr(msg, kind), topic)
            for name, (kind, topic) in self.OUTPUTS.items()
            if listen is None or name in listen
        }
        self.subscription(
            DiagnosticArray, "/diagnostics", lambda message: self.statuses.extend(message.status)
        )

    def listen(self, name: str, kind: Any, topic: str) -> Any:
        def keep(message: Any) -> None:
            stamp_ns = conversions.stamp_ns(message)
            self.outputs[name][stamp_ns] = message
            if name == "depth":
                self.order.append(stamp_ns)

        return self.subscription(kind, topic, keep)

    def wait_until_connected(self) -> None:
        """Every input has a reader and every output a writer."""
        topics = [publisher.topic_name.lstrip("/") for publisher in self.inputs.values()]
        topics += [recorder.topic_name.lstrip("/") for recorder in self.listeners.values()]
        self.wait(lambda: all(self.matched.get(topic) for topic in topics), f"the node on {topics}")

    def send(self, frame: dict[str, Any]) -> None:
        """Publish what is in the frame, infos first so that they are known when the images arrive."""
        for name in self.INPUTS:
            if frame.get(name) is not None:
                self.inputs[name].publish(frame[name])

    def answered(self, stamp_ns: int, limit_s: float = LIMIT_S) -> bool:
        """Whether every output that is listened to came for this stamp."""

        def complete() -> bool:
            return all(stamp_ns in self.outputs[name] for name in self.listeners)

        with self.changed:
            return self.changed.wait_for(lambda: self.over or complete(), timeout=limit_s) and complete()

    def wait_for_output(self, stamp_ns: int, name: str = "depth") -> Any:
        return self.wait(lambda: self.outputs[name].get(stamp_ns), f"{name} of stamp {stamp_ns}")

    def wait_for_status(self, part: str, message: str, since: int | None = None) -> dict[str, str]:
        """Values of the first status of that part, from now on (or number `since`), whose message matches."""
        start = len(self.statuses) if since is None else since

        def found() -> Any:
            for status in self.statuses[start:]:
                if status.name == f"{self.NODE}: {part}" and re.search(message, status.message):
                    return {"level": str(status.level[0]), **{pair.key: pair.value for pair in status.values}}
            return None

        heard: dict[str, str] = self.wait(found, f"diagnostics '{part}' matching {message!r}")
        return heard


class FusionPeer(NodePeer):
    """Peer of the stereo + lidar fusion node."""

    NODE = NODE
    INPUTS: ClassVar = {
        "left_info": ("CameraInfo", "left/camera_info"),
        "right_info": ("CameraInfo", "right/camera_info"),
        "points": ("PointCloud2", "points"),
        "left": ("Image", "left/image_rect"),
        "right": ("Image", "right/image_rect"),
    }
    OUTPUTS: ClassVar = {
        **DEPTH_OUTPUTS,
        "confidence": ("Image", "depth/confidence"),
        "uncertainty": ("Image", "depth/uncertainty"),
    }


class IndoorPeer(NodePeer):
    """Peer of the indoor depth node."""

    NODE = "indoor_depth"
    INPUTS: ClassVar = {"info": ("CameraInfo", "camera_info"), "image": ("Image", "image_rect")}
    OUTPUTS: ClassVar = DEPTH_OUTPUTS


def good_frame(stamp_ns: int, seed: int = 0) -> dict[str, Any]:
    """Messages of one complete frame of the scene."""
    left, right = stereo_scene.images(seed)
    header_left = conversions.header(stamp_ns, "camera_left_optical_frame")
    header_right = conversions.header(stamp_ns, "camera_right_optical_frame")
    camera = stereo_scene.RIG.left
    return {
        "left": conversions.encode_image(left, "rgb8", header_left),
        "right": conversions.encode_image(right, "rgb8", header_right),
        "left_info": conversions.info_from_camera(camera, header_left),
        "right_info": conversions.info_from_camera(camera, header_right, stereo_scene.RIG.baseline_m),
        "points": conversions.encode_points(stereo_scene.sweep(), conversions.header(stamp_ns, "velodyne")),
    }


def depth_of(message: Any) -> np.ndarray:
    """Depth image in metres."""
    return conversions.decode_depth(message)
