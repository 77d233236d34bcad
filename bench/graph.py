# SPDX-License-Identifier: Apache-2.0
"""Frames per second of the whole graph over DDS: a feeder, the node, and a subscriber that counts, each a process.

The feeder offers simulated KITTI frames twice as fast as the target, which is then also the most that can come
out; newest frame wins, so less is what the graph can do on the cores it shares with its feeder and its subscriber.
`python -m bench.graph VARIANT ...` prints it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import traffic
from bench.table import Row, format_table
from geo_perception.ros import conversions
from geo_perception.ros.graphs import find_graph
from geo_perception.ros.runtime.transport import environment

FRAMES = 3  # simulated; they are repeated
OFFERED = 2.0  # of the target rate; frames that the node then drops cost it and the feeder time, too


@dataclass(frozen=True)
class GraphVariant:
    """Launch arguments of the graph and what is asked of it."""

    arguments: dict[str, str]
    target_hz: float
    outputs: int  # to count


VARIANTS = {
    "confidence": GraphVariant({"fusion": "confidence"}, 10.0, 60),
    "scadc": GraphVariant({"fusion": "scadc", "precision": "float32"}, 2.5, 20),
    "published": GraphVariant(
        {"fusion": "scadc", "fusion_model": "scadc_sim", "precision": "bfloat16"}, 2.5, 20
    ),
    "fast": GraphVariant({"stereo": "sgbm_fast", "fusion": "scadc", "precision": "bfloat16"}, 6.0, 40),
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
            rows.append(traffic.row(f"fusion {name}", moments, VARIANTS[name].target_hz))
    return rows


def simulate(bag: Path) -> str:
    """Write a short drive; gives camera_from_lidar as a launch argument."""
    from geo_perception.ros.bags import write_bag
    from geo_perception.simulation.drive import DriveSimulator

    frames = list(DriveSimulator(0).frames(FRAMES))
    write_bag(bag, frames)
    return " ".join(str(v) for v in frames[0].camera_from_lidar.reshape(-1))


def measure(variant: GraphVariant, bag: Path, matrix: str) -> list[traffic.Usage]:
    """The moments at which depth images came."""
    (start,) = find_graph("kitti_fusion").starts({**variant.arguments, "camera_from_lidar": matrix})
    feeder = [sys.executable, "-m", "bench.graph", "feed", str(bag), str(OFFERED * variant.target_hz)]
    return traffic.measure(start.command, feeder, listened(), variant.outputs)


def listened() -> dict[str, Any]:
    """Topics and their messages; the first is counted."""
    from sensor_msgs.msg import Image, PointCloud2

    return {"depth/image_rect": Image, "depth/confidence": Image, "depth/points": PointCloud2}


def feed(bag: Path, rate_hz: float) -> None:
    """Publish the bag's frames; program of the feeder's process."""
    from geo_perception.ros.bags import read_bag

    traffic.feed([messages(frame) for frame in read_bag(bag)], rate_hz)


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
