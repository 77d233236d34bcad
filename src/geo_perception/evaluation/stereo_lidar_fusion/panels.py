# SPDX-License-Identifier: Apache-2.0
"""Panels of one frame: inputs, depth maps, confidence, errors, and the cloud from another viewpoint.

All depth maps of a frame share one colour scale, all errors another; each panel has its scale below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from geo_perception._types import Array
from geo_perception.evaluation.panel import Panel, grown
from geo_perception.evaluation.stereo_lidar_fusion.estimate import (
    FUSED,
    LIDAR,
    STEREO,
    VISIBLE_RETURNS,
    Estimate,
)
from geo_perception.evaluation.stereo_lidar_fusion.protocol import Returns
from geo_perception.evaluation.stereo_lidar_fusion.tables import ROW_TITLES
from geo_perception.evaluation.view3d import render_cloud
from geo_perception.frames import StereoLidarFrame
from geo_perception.preview import (
    CONFIDENCE,
    UNCERTAINTY,
    depth_scale,
    error_scale,
    overlay_depth,
)

DENSE = (STEREO, LIDAR, FUSED)


def frame_panels(frame: StereoLidarFrame, estimate: Estimate) -> list[Panel]:
    """Make all panels of a frame, in reading order; those without data are left out."""
    panels = [Panel("left image", frame.left)]
    panels += _return_panels(frame, estimate)
    dense = [name for name in DENSE if name in estimate.depths_m]
    others = [name for name in estimate.depths_m if name not in (*DENSE, VISIBLE_RETURNS)]
    depths, errors = depth_scale(), error_scale()
    for name in (*dense, *others):
        panels.append(Panel(f"depth: {_title(name)}", depths.colourise(estimate.depths_m[name]), depths))
    if estimate.confidence is not None:
        title = "lidar confidence: where fused depth follows the lidar (1) or stereo (0)"
        panels.append(Panel(title, CONFIDENCE.colourise(estimate.confidence), CONFIDENCE))
    if estimate.uncertainty is not None:
        title = "uncertainty of fused depth: standard deviation / depth"
        panels.append(Panel(title, UNCERTAINTY.colourise(estimate.uncertainty), UNCERTAINTY))
    if frame.depth_truth_m is not None:
        panels.append(Panel("depth: true", depths.colourise(grown(frame.depth_truth_m)), depths))
        for name in (*dense, *others):
            error_m = grown(np.abs(estimate.depths_m[name] - frame.depth_truth_m))
            panels.append(Panel(f"error: {_title(name)}", errors.colourise(error_m), errors))
    cloud = render_cloud(estimate.depths_m[FUSED], frame.left, frame.rig.left)
    return [*panels, Panel("cloud of fused depth, seen from above and behind the camera", cloud)]


def overview_panels(panels: Sequence[Panel]) -> list[Panel]:
    """Select the panels of the overview: inputs, the three depths, confidence and cloud."""
    wanted = (
        "left image",
        "lidar returns",
        "depth: stereo alone",
        "depth: completed lidar alone",
        "depth: fused",
    )
    chosen = [panel for start in wanted for panel in panels if panel.title.startswith(start)]
    confidence = [panel for panel in panels if panel.title.startswith("lidar confidence")]
    return [*chosen, *confidence, panels[-1]]


def _return_panels(frame: StereoLidarFrame, estimate: Estimate) -> list[Panel]:
    visible = estimate.depths_m.get(VISIBLE_RETURNS)
    if visible is not None:
        return [_returns("lidar returns that the camera sees", frame, visible)]
    if not len(frame.points_lidar):
        return []
    return [_returns("lidar returns, as projected", frame, Returns.of(frame).depth_m)]


def _returns(title: str, frame: StereoLidarFrame, depth_m: Array) -> Panel:
    scale = replace(depth_scale(), unknown="")  # the photograph is there instead
    return Panel(title, overlay_depth(frame.left, depth_m, scale=scale), scale)


def _title(name: str) -> str:
    return ROW_TITLES.get(name, name)
