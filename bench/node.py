# SPDX-License-Identifier: Apache-2.0
"""What the fusion node costs beside its backends, per KITTI frame on one core: take, match, decode, project, publish.

The pipeline is a stand-in that projects the sweep and filters it, and takes depth from a drawer. The outputs go to
a subscriber in a process of its own, over DDS. Times are processor time of all threads of this process, so that
other load on the machine does not count.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any, ClassVar

import cv2
import numpy as np

from bench.table import Row
from geo_perception.geometry import PinholeCamera, StereoRig, project_lidar, se3, visible_returns
from geo_perception.pipelines import FusedDepth
from geo_perception.ros import conversions
from geo_perception.ros.runtime.transport import environment

RIG = StereoRig(PinholeCamera(721.5377, 721.5377, 609.5593, 172.854, 1242, 375), 0.5372)
CAMERA_FROM_LIDAR = se3.transform(
    np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], np.float64), (0.0, -0.08, -0.27)
)
POINTS = 120_000
FRAMES, WARM_UP = 60, 5
PERIOD_NS = 100_000_000
OUTPUTS = ("depth/image_rect", "depth/confidence", "depth/points", "depth/camera_info")
ALLOWED_MS = 12.0

LISTENER = """
import signal
import sys
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
kinds = {"image_rect": Image, "confidence": Image, "points": PointCloud2, "camera_info": CameraInfo}
rclpy.init(signal_handler_options=SignalHandlerOptions.NO)  # rclpy's would close the context under a message
ends = []
signal.signal(signal.SIGINT, lambda *_: ends.append(True))
node = rclpy.create_node("listener")
for topic in sys.argv[1:]:
    node.create_subscription(kinds[topic.split("/")[-1]], topic, lambda message: None, 1)
executor = SingleThreadedExecutor()
executor.add_node(node)
while not ends:
    executor.spin_once(timeout_sec=0.2)
executor.shutdown()
node.destroy_node()
rclpy.shutdown()
"""


class StandIn:
    """Pipeline without backends."""

    models: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._depth_m = rng.uniform(2, 80, RIG.left.size).astype(np.float32)
        self._confidence = rng.random(RIG.left.size, np.float32)

    def __call__(self, left: Any, right: Any, points: Any, rig: Any, camera_from_lidar: Any) -> FusedDepth:
        start = time.perf_counter()
        raw = project_lidar(se3.apply(camera_from_lidar, points[:, :3]), rig.left)
        sparse = visible_returns(raw, rig.left)
        spent = {"project": (time.perf_counter() - start) * 1e3}
        return FusedDepth(self._depth_m, self._confidence, None, self._depth_m, sparse, spent)


def messages() -> dict[str, Any]:
    """One frame of KITTI's size as messages."""
    rng = np.random.default_rng(1)
    header = conversions.header(0, "camera_left_optical_frame")
    lidar = conversions.header(0, "velodyne")
    points = sweep(rng)
    pair = rng.integers(0, 256, (2, *RIG.left.size, 3), np.uint8)
    return {
        "left/camera_info": conversions.info_from_camera(RIG.left, header),
        "right/camera_info": conversions.info_from_camera(RIG.left, header, RIG.baseline_m),
        "points": conversions.encode_points(points, lidar),
        "left/image_rect": conversions.encode_image(pair[0], "rgb8", header),
        "right/image_rect": conversions.encode_image(pair[1], "rgb8", header),
    }


def sweep(rng: np.random.Generator) -> np.ndarray:
    """(120000, 4) as a 64-beam sensor 1.73 m above the road brings it, between walls 10 m to either side."""
    elevation, azimuth = np.meshgrid(
        np.radians(np.linspace(2, -24.8, 64)), np.linspace(-np.pi, np.pi, POINTS // 64), indexing="ij"
    )
    reach_m = np.minimum(
        10 / np.maximum(np.abs(np.sin(azimuth)), 0.1), 60 + rng.normal(0, 0.02, azimuth.shape)
    )
    range_m = np.minimum(reach_m, 1.73 / np.maximum(-np.sin(elevation), 1e-3))
    flat_m = range_m * np.cos(elevation)
    xyz = (flat_m * np.cos(azimuth), flat_m * np.sin(azimuth), range_m * np.sin(elevation))
    return np.stack((*xyz, np.ones_like(range_m)), axis=-1).reshape(-1, 4).astype(np.float32)


@contextmanager
def one_core() -> Iterator[None]:
    """Everything in this thread on one core, OpenCV without threads."""
    cores, threads = os.sched_getaffinity(0), cv2.getNumThreads()
    os.sched_setaffinity(0, {min(cores)})
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        cv2.setNumThreads(threads)


def run() -> list[Row]:
    """Median per frame and per step."""
    steps: dict[str, list[float]] = {}
    with listened_node() as node, one_core():
        serialised = {topic: serialise(message) for topic, message in messages().items()}
        for index in range(FRAMES + WARM_UP):
            spent = one_frame(node, serialised, PERIOD_NS * (index + 1))
            for step, ms in spent.items() if index >= WARM_UP else ():
                steps.setdefault(step, []).append(ms)
    rows = [Row(f"node, {step}", median(times)) for step, times in steps.items()]
    total = median(map(sum, zip(*steps.values(), strict=True)))
    return [*rows, Row("node, everything but the backends", total, ALLOWED_MS / total, "12 ms")]


def one_frame(
    node: Any, serialised: dict[str, tuple[bytes, Callable[[bytes], Any]]], stamp_ns: int
) -> dict[str, float]:
    """Milliseconds of each step for one frame, in this thread."""
    marks = [time.process_time()]
    taken = {topic: take(data) for topic, (data, take) in serialised.items()}
    for message in taken.values():
        message.header.stamp = conversions.time_from_ns(stamp_ns)
    marks.append(time.process_time())
    jobs = [job for topic, message in taken.items() for job in node.store(topic, message)]
    marks.append(time.process_time())
    predict = node.process(jobs[0], node.wanted())
    marks.append(time.process_time())
    node.publish(predict)
    marks.append(time.process_time())
    names = ("take 5 messages", "match", "decode and project", "encode and publish 4 outputs")
    return {name: (b - a) * 1e3 for name, a, b in zip(names, marks[:-1], marks[1:], strict=True)}


def serialise(message: Any) -> tuple[bytes, Callable[[bytes], Any]]:
    """A message's bytes, and what makes a message of them as a subscription does."""
    from rclpy.serialization import deserialize_message, serialize_message

    return serialize_message(message), lambda data: deserialize_message(data, type(message))


@contextmanager
def listened_node() -> Iterator[Any]:
    """The node, active, with a listener in another process on the outputs."""
    env = environment(localhost=True)
    os.environ.update(env)
    import rclpy
    from rclpy.parameter import Parameter

    from geo_perception.ros.nodes.stereo_lidar_fusion.node import StereoLidarFusionNode
    from geo_perception.ros.runtime.malloc import keep_large_buffers

    keep_large_buffers()  # as run_node does
    rclpy.init(args=[])
    matrix = Parameter("camera_from_lidar", value=CAMERA_FROM_LIDAR.reshape(-1).tolist())
    node = StereoLidarFusionNode(lambda settings: StandIn(), parameter_overrides=[matrix])
    listener = subprocess.Popen([sys.executable, "-c", LISTENER, *OUTPUTS], env=env)
    try:
        if not node.autostart():
            raise RuntimeError("the node did not start")
        while node.wanted() != frozenset(OUTPUTS):
            time.sleep(0.02)
        yield node
    finally:
        listener.send_signal(signal.SIGINT)  # so that its shared memory goes with it
        listener.wait()
        node.trigger_shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
