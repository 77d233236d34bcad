# SPDX-License-Identifier: Apache-2.0
"""Stages of the stereo + lidar pipeline that need no network, on one simulated KITTI frame.

Times are processor time of all threads of this process, so that other load on the machine counts little: where two
threads take as much of it as one, the work that is shared between them costs half the wall time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import cv2
import numpy as np

from bench.table import Row
from geo_perception.geometry import project_lidar, se3, visible_returns
from geo_perception.pipelines import StereoLidarFusion, StereoLidarFusionConfig
from geo_perception.pipelines.stereo_lidar_fusion.confidence_fusion import confidence_fusion
from geo_perception.pipelines.stereo_lidar_fusion.disparity_alignment import unrefuted_returns
from geo_perception.pipelines.stereo_lidar_fusion.morphological_completion import complete_morphology
from geo_perception.pipelines.stereo_lidar_fusion.scadc_guided_features import fusion_features
from geo_perception.pipelines.stereo_lidar_fusion.sgbm import fill_background
from geo_perception.simulation.drive import DriveSimulator

REPEATS, WARM_UP = 31, 3
ALLOWED_MS = {"lidar projection": 10.0, "morphological completion": 15.0}


def run() -> list[Row]:
    """Median of each stage with one and with two threads of OpenCV."""
    from geo_perception.ros.runtime.malloc import keep_large_buffers

    keep_large_buffers()  # as in the node
    work = stages()
    threads = cv2.getNumThreads()
    try:
        return [measure(name, stage, count) for name, stage in work.items() for count in (1, 2)]
    finally:
        cv2.setNumThreads(threads)


def stages() -> dict[str, Callable[[], object]]:
    """What a frame goes through, stage by stage."""
    frame = DriveSimulator(0).frame(0)
    left, right, rig, points = frame.left, frame.right, frame.rig, frame.points_lidar
    pipeline = StereoLidarFusion(StereoLidarFusionConfig(fusion="confidence"))
    stereo = pipeline.stereo_estimate(left, right, rig)
    disparity_px = rig.disparity_from_depth(stereo.depth_m)
    lidar = pipeline.lidar_estimate(left, points, rig, frame.camera_from_lidar, stereo)
    assert lidar is not None
    raw, sparse = lidar.raw_depth_m, lidar.sparse_depth_m
    inputs = pipeline.fusion_inputs(left, right, stereo, lidar, rig)
    return {
        "matching (SGBM)": lambda: pipeline.stereo_estimate(left, right, rig),
        "filling of stereo's holes": lambda: fill_background(disparity_px, stereo.valid),
        "lidar projection": lambda: project_lidar(
            se3.apply(frame.camera_from_lidar, points[:, :3]), rig.left
        ),
        "visibility": lambda: visible_returns(raw, rig.left),
        "check of returns": lambda: unrefuted_returns(sparse, stereo, rig.focal_baseline),
        "morphological completion": lambda: complete_morphology(sparse),
        "distance to returns": lambda: cv2.distanceTransform(
            np.isnan(sparse).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5
        ),
        "alignment of stereo": lambda: pipeline.fusion_inputs(left, right, stereo, lidar, rig),
        "fusion by confidence": lambda: confidence_fusion(inputs),
        "features of the fusion network": lambda: fusion_features(inputs),
    }


def measure(name: str, stage: Callable[[], object], threads: int) -> Row:
    """Processor time, against what is allowed where something is."""
    cv2.setNumThreads(threads)
    times = []
    for _ in range(WARM_UP + REPEATS):
        start = time.process_time()
        stage()
        times.append(1e3 * (time.process_time() - start))
    spent = median(times[WARM_UP:])
    label = f"pipeline, {name}, {threads} thread{'s' * (threads > 1)}"
    if name not in ALLOWED_MS:
        return Row(label, spent)
    return Row(label, spent, ALLOWED_MS[name] / spent, f"{ALLOWED_MS[name]:g} ms")
