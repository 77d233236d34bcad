# SPDX-License-Identifier: Apache-2.0
"""The pictures and tables of an indoor report: depth, errors, a virtual box, and the cloud from another viewpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception.evaluation.baselines import CONSTANT, MEAN_MAP, ROW_RAMP
from geo_perception.evaluation.indoor import median_ratio
from geo_perception.evaluation.indoor_run import MODEL, IndoorScores
from geo_perception.evaluation.insertion import agreement, insert_box, place_box
from geo_perception.evaluation.metrics import known
from geo_perception.evaluation.pictures import PANEL_WIDTH, Panel
from geo_perception.evaluation.protocols import EVERYWHERE, MEDIAN_SCALED, UNSCALED
from geo_perception.evaluation.summary import Tree
from geo_perception.evaluation.tables import Table, accuracy_table, number, speed_table, stage_table
from geo_perception.evaluation.view3d import Viewpoint, render_cloud
from geo_perception.frames import RgbdFrame
from geo_perception.preview import colourise_depth, colourise_error

Array = NDArray[np.float32]
Image8 = NDArray[np.uint8]

ROW_TITLES = {
    MODEL: "this model",
    CONSTANT: "constant",
    ROW_RAMP: "inverse ramp over the rows",
    MEAN_MAP: "mean depth of the training set",
}
DEPTH_M = 0.5, 10.0  # colours of a room
ERROR_M = 0.02, 2.0
ABOVE = Viewpoint(
    back_m=0.5, up_m=0.6, right_m=0.9, pitch_down_rad=0.2, yaw_left_rad=0.35, max_depth_m=10.0, splat_m=0.009
)  # so near that a wall 2 m away still fills the view
CLOUD_WIDTH = 828


def indoor_panels(
    frame: RgbdFrame, depths_m: Mapping[str, Array], score: IndoorScores, box_m: float | None = None
) -> list[Panel]:
    """All pictures of a frame, in the order in which they are read; those without truth are left out.

    Args:
        frame: the image and its truth.
        depths_m: (H, W) by row, the model's first.
        score: its errors.
        box_m: distance of the virtual box, None: the median depth.

    Raises:
        ConfigError: the box cannot stand so near.
    """
    panels = [Panel("image", frame.image)]
    for row, depth_m in depths_m.items():
        panels.append(
            Panel(f"{_title(row)}: depth, red 0.5 m, blue 10 m", colourise_depth(depth_m, *DEPTH_M))
        )
    truth_m = truth_on_image(frame)
    if truth_m is not None:
        panels.append(Panel("truth", colourise_depth(truth_m, *DEPTH_M)))
        panels += [panel for row, depth in depths_m.items() for panel in _error_panels(row, depth, truth_m)]
    panels += _box_panels(frame, depths_m[MODEL], truth_m, box_m)
    cloud = Panel(_cloud_title(score), _cloud(depths_m[MODEL], frame, CLOUD_WIDTH))
    if truth_m is None:
        return [*panels, cloud]
    return [
        *panels,
        Panel("true cloud, same viewpoint", _cloud(truth_m, frame, min(PANEL_WIDTH, frame.camera.width))),
        cloud,
    ]


def indoor_highlights(panels: Sequence[Panel]) -> list[Panel]:
    """What the overview shows: everything that concerns this model."""
    own = f"{ROW_TITLES[MODEL]}:"
    shared = ("image", "truth", "box", "same box", "true cloud")
    chosen = [panel for panel in panels[:-1] if panel.title.startswith((own, *shared))]
    return [*chosen, panels[-1]]


def indoor_tables(metrics: Tree) -> list[Table]:
    """For each data set errors as they are and median scaled, then speed."""
    tables = []
    for name, data_set in metrics["data_sets"].items():
        note = (
            f"{data_set['kind']}, {data_set['frames']} frames, median depth {number(data_set['typical_m'])} m. "
            f"{data_set['registration'].capitalize()}."
        )
        for scaling in (UNSCALED, MEDIAN_SCALED):
            tables.append(_errors(metrics, data_set["accuracy"], name, scaling, note))
    if len(metrics["data_sets"]) > 1:
        for scaling in (UNSCALED, MEDIAN_SCALED):
            tables.append(_errors(metrics, metrics["accuracy"], "all frames", scaling, ""))
    return [table for table in (*tables, speed_table(metrics), stage_table(metrics)) if table.rows]


def truth_on_image(frame: RgbdFrame) -> Array | None:
    """Truth at the image's size, each pixel the nearest one of its own."""
    truth_m = frame.depth_truth_m
    if truth_m is None or truth_m.shape == frame.camera.size:
        return truth_m
    size = frame.camera.size[::-1]
    return np.asarray(cv2.resize(truth_m, size, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)


def _errors(metrics: Tree, accuracy: Tree, name: str, scaling: str, note: str) -> Table:
    renamed = {ROW_TITLES.get(row, row): errors for row, errors in accuracy.items()}
    table = accuracy_table({"accuracy": renamed, "protocol": metrics["protocol"]}, EVERYWHERE, scaling)
    scaled = "as predicted" if scaling == UNSCALED else "median scaled per image"
    baselines = "Baselines know the data set's median depth." if scaling == UNSCALED else ""
    return replace(
        table,
        title=f"{name}: depth error {scaled} [m]",
        note=" ".join(filter(None, (table.note, note, baselines))),
    )


def _error_panels(row: str, depth_m: Array, truth_m: Array) -> list[Panel]:
    """As predicted, and with the one scale that published figures forgive."""
    both = known(truth_m) & known(depth_m)
    scale = median_ratio(depth_m, truth_m, both)
    legend = "dark 2 cm, bright 2 m"
    return [
        Panel(f"{_title(row)}: error, {legend}", colourise_error(depth_m, truth_m, *ERROR_M)),
        Panel(
            f"{_title(row)}: error when scaled by {scale:.2f}, {legend}",
            colourise_error(depth_m * np.float32(scale), truth_m, *ERROR_M),
        ),
    ]


def _box_panels(frame: RgbdFrame, depth_m: Array, truth_m: Array | None, box_m: float | None) -> list[Panel]:
    if not known(depth_m).any():
        return []
    box = place_box(depth_m, frame.camera, box_m)
    title = f"box of {box.side_m:g} m placed at {box.centre_cam[2]:.2f} m, hidden by predicted depth"
    panels = [Panel(title, insert_box(frame.image, depth_m, frame.camera, box))]
    if truth_m is not None:
        same = agreement(box, depth_m, truth_m, frame.camera)
        title = f"same box, hidden by true depth: {same:.0%} of its pixels agree"
        panels.append(Panel(title, insert_box(frame.image, truth_m, frame.camera, box)))
    return panels


def _cloud(depth_m: Array, frame: RgbdFrame, width: int) -> Image8:
    """The cloud in a picture of this width, whatever the image's, so that small images do not give a speckled view."""
    size = (width, round(frame.camera.height * width / frame.camera.width))
    depth = np.asarray(cv2.resize(depth_m, size, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)
    rgb = np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return render_cloud(depth, rgb, frame.camera.scaled(*size), ABOVE)


def _cloud_title(score: IndoorScores) -> str:
    notes = f" ({'; '.join(score.notes)})" if score.notes else ""
    return f"predicted cloud from a raised second viewpoint{notes}"


def _title(row: str) -> str:
    return ROW_TITLES.get(row, row)
