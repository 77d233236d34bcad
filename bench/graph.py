# SPDX-License-Identifier: Apache-2.0
"""Frames per second of the whole graph over DDS: a feeder, the node, and a subscriber that counts, each a process.

The feeder offers simulated KITTI frames twice as fast as the target, which is then also the most that can come
out; newest frame wins, so less is what the graph can do on the cores it shares with its feeder and its subscriber.
The subscriber receives every output but looks at no pixel: it takes messages as they come over the wire.
`python -m bench.graph VARIANT ...` prints it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil

from bench.table import Row, format_table
from geo_perception.ros import conversions
from geo_perception.ros.graphs import find_graph
from geo_perception.ros.runtime.transport import environment

FRAMES = 3  # simulated; they are repeated
LISTENED = ("depth/image_rect", "depth/confidence", "depth/points")
START_S, LIMIT_S = 120.0, 60.0
OFFERED = 2.0  # of the target rate; frames that the node then drops cost it and the feeder time, too


@dataclass(frozen=True)
class Usage:
    """One moment of a run: wall time, and the processor time that each process has used, in seconds."""

    wall: float
    node: float
    feeder: float
    listener: float


@dataclass(frozen=True)
class Variant:
    """Launch arguments of the graph and what is asked of it."""

    arguments: dict[str, str]
    target_hz: float
    outputs: int  # to count


VARIANTS = {
    "confidence": Variant({"fusion": "confidence"}, 10.0, 60),
    "scadc": Variant({"fusion": "scadc", "precision": "float32"}, 2.5, 20),
    "published": Variant({"fusion": "scadc", "fusion_model": "scadc_sim", "precision": "bfloat16"}, 2.5, 20),
    "fast": Variant({"stereo": "sgbm_fast", "fusion": "scadc", "precision": "bfloat16"}, 6.0, 40),
}


def run(names: tuple[str, ...] = tuple(VARIANTS)) -> list[Row]:
    """One row per variant; a variant whose node does not start is named on stderr and left out."""
    os.environ.update(environment(localhost=True))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        bag = Path(folder) / "drive"
        matrix = simulate(bag)
        for name in names:
            moments = measure(VARIANTS[name], bag, matrix)
            if len(moments) < 2:
                print(f"bench: graph {name}: no output, see the node's message", file=sys.stderr)
                continue
            rows.append(row(name, moments))
    return rows


def simulate(bag: Path) -> str:
    """Write a short drive; gives camera_from_lidar as a launch argument."""
    from geo_perception.ros.bags import write_bag
    from geo_perception.simulation.drive import DriveSimulator

    frames = list(DriveSimulator(0).frames(FRAMES))
    write_bag(bag, frames)
    return " ".join(str(v) for v in frames[0].camera_from_lidar.reshape(-1))


def row(name: str, moments: list[Usage]) -> Row:
    """Outputs per second, and the processor time of each process per output.

    Other load on the machine lowers the first; the second shows what it would be without.
    """
    first, last, frames = moments[0], moments[-1], len(moments) - 1
    parts = ("node", "feeder", "listener")
    spent = {part: 1e3 * (getattr(last, part) - getattr(first, part)) / frames for part in parts}
    rate_hz, target_hz = frames / (last.wall - first.wall), VARIANTS[name].target_hz
    each = ", ".join(f"{part} {ms:.0f}" for part, ms in spent.items())
    label = f"graph, fusion {name}: {rate_hz:.2f} frames/s, processor ms of each: {each}"
    return Row(label, 1e3 / rate_hz, rate_hz / target_hz, f"{target_hz:g} frames/s")


def measure(variant: Variant, bag: Path, matrix: str) -> list[Usage]:
    """The moments at which outputs came; fewer than two if the graph does not work."""
    (start,) = find_graph("kitti_fusion").starts({**variant.arguments, "camera_from_lidar": matrix})
    feeder = [sys.executable, "-m", "bench.graph", "feed", str(bag), str(OFFERED * variant.target_hz)]
    with process(start.command) as node, process(feeder) as feeding:
        return count(variant.outputs, node, feeding)


@contextmanager
def process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is told to end, and waited for."""
    with subprocess.Popen(command) as child:
        try:
            yield child
        finally:
            child.terminate()


def count(outputs: int, node: subprocess.Popen[bytes], feeder: subprocess.Popen[bytes]) -> list[Usage]:
    """The moment of each depth image after the first five; fewer than `outputs` if they stay away or the node ends."""
    import rclpy
    from rclpy.context import Context
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions
    from sensor_msgs.msg import Image, PointCloud2

    arrivals: list[Usage] = []
    children = [psutil.Process(child.pid) for child in (node, feeder)]

    def heard(_: bytes) -> None:
        used = (times.user + times.system for times in (child.cpu_times() for child in children))
        arrivals.append(Usage(time.monotonic(), *used, time.process_time()))

    context = Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    listener = rclpy.create_node("bench_listener", context=context, enable_rosout=False)
    for topic in LISTENED:
        kind = PointCloud2 if topic == "depth/points" else Image
        callback = heard if topic == LISTENED[0] else (lambda _: None)
        listener.create_subscription(kind, topic, callback, 1, raw=True)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(listener)
    begun = time.monotonic()
    while len(arrivals) < outputs + 5 and node.poll() is None:
        executor.spin_once(timeout_sec=0.5)
        waited = time.monotonic() - (arrivals[-1].wall if arrivals else begun)
        if waited > (LIMIT_S if arrivals else START_S):
            break
    executor.shutdown()
    listener.destroy_node()
    rclpy.shutdown(context=context)
    return arrivals[5:]


def feed(bag: Path, rate_hz: float) -> None:
    """Publish the bag's frames over and over with present stamps; program of the feeder's process."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from geo_perception.ros.bags import read_bag
    from geo_perception.ros.runtime.memory import keep_large_buffers

    keep_large_buffers()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    sets = [messages(frame) for frame in read_bag(bag)]
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("bench_feeder", enable_rosout=False)
    try:
        publish_forever(node, sets, 1 / rate_hz)
    finally:  # or its shared memory would stay
        node.destroy_node()
        rclpy.shutdown()


def publish_forever(node: Any, sets: list[dict[str, Any]], period_s: float) -> None:
    """Frame after frame, with present stamps."""
    from rclpy.qos import qos_profile_sensor_data

    publishers = {
        topic: node.create_publisher(type(message), topic, qos_profile_sensor_data)
        for topic, message in sets[0].items()
    }
    due = time.monotonic()
    for frame in cycle(sets):
        stamp = conversions.time_from_ns(time.time_ns())
        for topic, message in frame.items():
            message.header.stamp = stamp
            publishers[topic].publish(message)
        due = max(due + period_s, time.monotonic() - period_s)
        time.sleep(max(0.0, due - time.monotonic()))


def messages(frame: Any) -> dict[str, Any]:
    """One frame by topic."""
    left, right = (conversions.header(0, f"camera_{side}_optical_frame") for side in ("left", "right"))
    return {
        "left/camera_info": conversions.info_from_camera(frame.rig.left, left),
        "right/camera_info": conversions.info_from_camera(frame.rig.left, right, frame.rig.baseline_m),
        "points": conversions.encode_points(frame.points_lidar, conversions.header(0, "velodyne")),
        "left/image_rect": conversions.encode_image(frame.left, "rgb8", left),
        "right/image_rect": conversions.encode_image(frame.right, "rgb8", right),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["feed"]:
        feed(Path(sys.argv[2]), float(sys.argv[3]))
    else:
        print(format_table(run(tuple(sys.argv[1:]) or tuple(VARIANTS))))
