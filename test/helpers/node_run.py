# SPDX-License-Identifier: Apache-2.0
"""A node in this process, around a stand-in pipeline, with a peer that feeds and hears it over DDS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from helpers.processes import new_domain
from helpers.ros_peer import LIMIT_S, FusionPeer, NodePeer, good_frame
from helpers.stereo_scene import CAMERA_FROM_LIDAR, HEIGHT, WIDTH

from geo_perception.pipelines import FusedDepth

STEP_NS = 100_000_000


@dataclass
class StandIn:
    """A pipeline that answers at once, unless told to wait or to fail."""

    scale: float = 1.0  # of the output's size
    fault: Exception | None = None
    calls: list[SimpleNamespace] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    models: dict[str, Any] = field(
        default_factory=lambda: {"fusion": SimpleNamespace(network="scadc", sha256="abc")}
    )

    def __post_init__(self) -> None:
        self.go.set()

    def __call__(self, left: Any, right: Any, points: Any, rig: Any, camera_from_lidar: Any) -> FusedDepth:
        self.calls.append(SimpleNamespace(left=left, right=right, points=points, rig=rig))
        assert self.go.wait(20)
        if self.fault is not None:
            raise self.fault
        size = round(HEIGHT * self.scale), round(WIDTH * self.scale)
        depth = np.full(size, 7.0, np.float32)
        lidar = None if points is None else depth
        return FusedDepth(depth, np.full(size, 0.5, np.float32), None, lidar, None, {"stereo": 1.0})


class NodeRun:
    """The fusion node on an executor's thread of this process, and a peer."""

    peer_type: type[NodePeer] = FusionPeer

    def __init__(self, listen: tuple[str, ...] | None = None, **parameters: Any) -> None:
        """Listens to all outputs unless told which."""
        import rclpy
        from rclpy.context import Context
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.parameter import Parameter
        from rclpy.signals import SignalHandlerOptions

        domain = new_domain()
        self.context, self.pipeline = Context(), self.stand_in()
        self.build: Callable[[Any], Any] = lambda settings: self.pipeline
        rclpy.init(
            args=[], context=self.context, domain_id=domain, signal_handler_options=SignalHandlerOptions.NO
        )
        self.node = self.node_type()(
            lambda settings: self.build(settings),  # noqa: PLW0108 - tests replace it
            context=self.context,
            parameter_overrides=[Parameter(name, value=value) for name, value in self.parameters(parameters)],
        )
        self.peer = self.peer_type(domain, listen)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.stamp_ns = 10**18

    def stand_in(self) -> Any:
        return StandIn()

    def node_type(self) -> Any:
        from geo_perception.ros.nodes.stereo_lidar_fusion.node import StereoLidarFusionNode

        return StereoLidarFusionNode

    def parameters(self, given: dict[str, Any]) -> Iterable[tuple[str, Any]]:
        """With the defaults of a test."""
        return {"camera_from_lidar": CAMERA_FROM_LIDAR.reshape(-1).tolist(), **given}.items()

    def frame(self, stamp_ns: int) -> dict[str, Any]:
        """Messages of a complete frame."""
        return good_frame(stamp_ns)

    def start(self) -> NodeRun:
        assert self.node.autostart()
        self.thread.start()
        self.peer.wait_until_connected()
        self._wait_until_found()
        return self

    def _wait_until_found(self) -> None:
        """The node has found the peer, too: either side finds the other for itself, and drops what comes before."""
        sent = {publisher.topic_name for publisher in self.peer.inputs.values()}
        heard = {recorder.topic_name for recorder in self.peer.listeners.values()}

        def missing() -> list[str]:
            deaf = [s.topic_name for s in self.node.subscriptions if not s.get_publisher_count()]
            unheard = [p.topic_name for p in self.node.publishers if not p.get_subscription_count()]
            return sorted(sent.intersection(deaf) | heard.intersection(unheard))

        end = time.monotonic() + LIMIT_S
        while missing():  # rclpy has no event for an endpoint that is already there
            assert time.monotonic() < end, f"the node did not find the peer on {missing()}"
            time.sleep(0.005)

    def send(self, without: str = "", **changes: Any) -> int:
        """Publish the next frame; gives its stamp."""
        self.stamp_ns += STEP_NS
        frame = {k: v for k, v in self.frame(self.stamp_ns).items() if k != without}
        self.peer.send({**frame, **changes})
        return self.stamp_ns

    def drops(self) -> dict[str, int]:
        return self.node.health.report().drops

    def wait_for_status(self, key: str, condition: Callable[[str], bool]) -> dict[str, str]:
        """Values of the first status, from now on, whose value of `key` meets the condition."""
        start = len(self.peer.statuses)

        def found() -> dict[str, str] | None:
            for status in self.peer.statuses[start:]:
                values = {pair.key: pair.value for pair in status.values}
                if key in values and condition(values[key]):
                    return values
            return None

        heard: dict[str, str] = self.peer.wait(found, f"a status with {key!r}")
        return heard

    def wait_for_drop(self, reason: str) -> None:
        self.wait_for_status(f"skipped sets: {reason}", lambda count: int(count) > 0)

    def close(self) -> None:
        import rclpy

        getattr(self.pipeline, "go", threading.Event()).set()
        self.executor.shutdown()
        if self.thread.is_alive():
            self.thread.join()
        if self.node.state != "finalized":
            self.node.trigger_shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)
        self.peer.close()
