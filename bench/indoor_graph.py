# SPDX-License-Identifier: Apache-2.0
"""Frames per second of the indoor node over DDS: the shipped network, images of 640x480, all four outputs heard.

Feeder, node and listener share the cores.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from bench import traffic
from bench.table import Row, format_table
from geo_perception.geometry import PinholeCamera
from geo_perception.ros import conversions
from geo_perception.ros.graphs import find_graph
from geo_perception.ros.runtime.transport import environment

CAMERA = PinholeCamera(525.0, 525.0, 319.5, 239.5, 640, 480)
FRAMES = 3  # different ones; they are repeated
TARGET_HZ, OUTPUTS = 20.0, 150
OFFERED = 2.0  # of the target rate; what the node drops costs it and the feeder time, too


def run() -> list[Row]:
    """One row; none, with a line on stderr, if the node does not start."""
    os.environ.update(environment(localhost=True))
    (start,) = find_graph("indoor_depth").starts({})
    feeder = [sys.executable, "-m", "bench.indoor_graph", "feed", str(OFFERED * TARGET_HZ)]
    moments = traffic.measure(start.command, feeder, listened(), OUTPUTS)
    if len(moments) < 2:
        print("bench: indoor_graph: no output, see the node's message", file=sys.stderr)
        return []
    return [traffic.row("indoor depth, shipped network, 640x480", moments, TARGET_HZ)]


def listened() -> dict[str, Any]:
    """Topics and their messages; the first is counted."""
    from sensor_msgs.msg import CameraInfo, Image, PointCloud2

    images = {"depth/image_rect": Image, "depth/image_color": Image}
    return {**images, "depth/camera_info": CameraInfo, "depth/points": PointCloud2}


def messages(seed: int) -> dict[str, Any]:
    """One frame by topic, CameraInfo first as drivers send it."""
    header = conversions.header(0, "camera_optical_frame")
    blocks = np.random.default_rng(seed).integers(0, 240, (12, 16, 3), dtype=np.uint8)
    image = np.ascontiguousarray(blocks.repeat(40, axis=0).repeat(40, axis=1))
    info = conversions.info_from_camera(CAMERA, header)
    return {"camera_info": info, "image_rect": conversions.encode_image(image, "rgb8", header)}


if __name__ == "__main__":
    if sys.argv[1:2] == ["feed"]:
        traffic.feed([messages(seed) for seed in range(FRAMES)], float(sys.argv[2]))
    else:
        print(format_table(run()))
