# SPDX-License-Identifier: Apache-2.0
"""Panels of an indoor report: depth, errors, a virtual box, and the cloud from another viewpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from geo_perception._types import Array, Image
from geo_perception.evaluation.indoor_depth.protocol import median_ratio
from geo_perception.evaluation.indoor_depth.run import MODEL, IndoorScores
from geo_perception.evaluation.indoor_depth.tables import ROW_TITLES
from geo_perception.evaluation.indoor_depth.virtual_box import agreement, insert_box, place_box
from geo_perception.evaluation.metrics import known
from geo_perception.evaluation.panel import PANEL_WIDTH, Panel, grown
from geo_perception.evaluation.view3d import Viewpoint, render_cloud
from geo_perception.frames import RgbdFrame
from geo_perception.preview import ColourScale, depth_scale, error_scale

DEPTH: ColourScale = depth_scale(0.5, 10.0)  # colours of a room
ERROR: ColourScale = error_scale(0.02, 2.0)
ABOVE = Viewpoint(
    back_m=0.5, up_m=0.6, right_m=0.9, pitch_down_rad=0.2, yaw_left_rad=0.35, max_depth_m=10.0, splat_m=0.009
)  # so near that a wall 2 m away still fills the view
CLOUD_WIDTH = 828


def indoor_panels(
    frame: RgbdFrame, depths_m: Mapping[str, Array], score: IndoorScores, box_m: float | None = None
) -> list[Panel]:
    """Make all panels of a frame, in reading order; those that need truth are left out without it.

    Args:
        frame: the image and its truth.
        depths_m: (H, W) by row, the model's first.
        score: its errors.
        box_m: distance of the virtual box, metres; None: the median depth.

    Raises:
        ConfigError: the box cannot stand so near.
    """
    panels = [Panel("image", frame.image)]
    for row, depth_m in depths_m.items():
        panels.append(Panel(f"depth: {_title(row)}", DEPTH.colourise(depth_m), DEPTH))
    truth_m = truth_on_image(frame)
    if truth_m is not None:
        panels.append(Panel("depth: true", DEPTH.colourise(grown(truth_m)), DEPTH))
        panels += [panel for row, depth in depths_m.items() for panel in _error_panels(row, depth, truth_m)]
    panels += _box_panels(frame, depths_m[MODEL], truth_m, box_m)
    cloud = Panel(_cloud_title(score), _cloud(depths_m[MODEL], frame, CLOUD_WIDTH))
    if truth_m is None:
        return [*panels, cloud]
    return [
        *panels,
        Panel(
            "cloud of true depth, same viewpoint",
            _cloud(truth_m, frame, min(PANEL_WIDTH, frame.camera.width)),
        ),
        cloud,
    ]


def indoor_highlights(panels: Sequence[Panel]) -> list[Panel]:
    """Select the panels of the overview: all that concern this model."""
    shared = ("image", "depth: true", "box", "same box", "cloud")
    own = [p for p in panels[:-1] if p.title.startswith(shared) or p.title.endswith(f": {ROW_TITLES[MODEL]}")]
    return [*own, panels[-1]]


def truth_on_image(frame: RgbdFrame) -> Array | None:
    """Resize truth to the image's size, by nearest neighbour."""
    truth_m = frame.depth_truth_m
    if truth_m is None or truth_m.shape == frame.camera.size:
        return truth_m
    size = frame.camera.size[::-1]
    return np.asarray(cv2.resize(truth_m, size, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)


def _error_panels(row: str, depth_m: Array, truth_m: Array) -> list[Panel]:
    """Make error panels of depth as predicted, and median scaled as in published figures."""
    both = known(truth_m) & known(depth_m)
    scale = median_ratio(depth_m, truth_m, both)
    return [
        Panel(f"error: {_title(row)}", _error(depth_m, truth_m), ERROR),
        Panel(
            f"error when scaled by {scale:.2f} to the true median: {_title(row)}",
            _error(depth_m * np.float32(scale), truth_m),
            ERROR,
        ),
    ]


def _error(depth_m: Array, truth_m: Array) -> Image:
    return ERROR.colourise(grown(np.abs(depth_m - truth_m)))


def _box_panels(frame: RgbdFrame, depth_m: Array, truth_m: Array | None, box_m: float | None) -> list[Panel]:
    if not known(depth_m).any():
        return []
    box = place_box(depth_m, frame.camera, box_m)
    title = (
        f"box of {box.side_m:g} m drawn at {box.centre_cam[2]:.2f} m, hidden where predicted depth is nearer"
    )
    panels = [Panel(title, insert_box(frame.image, depth_m, frame.camera, box))]
    if truth_m is not None:
        same = agreement(box, depth_m, truth_m, frame.camera)
        title = f"same box, hidden where true depth is nearer: {same:.0%} of its pixels agree"
        panels.append(Panel(title, insert_box(frame.image, truth_m, frame.camera, box)))
    return panels


def _cloud(depth_m: Array, frame: RgbdFrame, width: int) -> Image:
    """Render the cloud at this width, whatever the image's, so that small images do not give a speckled view."""
    size = (width, round(frame.camera.height * width / frame.camera.width))
    depth = np.asarray(cv2.resize(depth_m, size, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)
    rgb = np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return render_cloud(depth, rgb, frame.camera.scaled(*size), ABOVE)


def _cloud_title(score: IndoorScores) -> str:
    notes = f" ({'; '.join(score.notes)})" if score.notes else ""
    return f"cloud of predicted depth, seen from above and beside the camera{notes}"


def _title(row: str) -> str:
    return ROW_TITLES.get(row, row)
