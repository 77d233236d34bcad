# SPDX-License-Identifier: Apache-2.0
"""Tables of fused depth, in the report and on the terminal, from the tree of metrics.json.

The first one is depth as the robot gets it, in metres. Median scaling, as in publications, and tables that only explain
the first one come after it, in the report behind a fold.
"""

from __future__ import annotations

from geo_perception.evaluation.legend_texts import COLUMN_HELP
from geo_perception.evaluation.metrics import EVERYWHERE, MEDIAN_SCALED, UNSCALED
from geo_perception.evaluation.stereo_lidar_fusion.estimate import FUSED, LIDAR, STEREO, VISIBLE_RETURNS
from geo_perception.evaluation.stereo_lidar_fusion.legend_texts import (
    CONFIDENCE_KINDS,
    ROW_HELP,
    UNCERTAINTY_HELP,
)
from geo_perception.evaluation.stereo_lidar_fusion.protocol import AWAY, ORACLE, RAW_RETURNS, UPPER
from geo_perception.evaluation.table import (
    ALL_MEASURES,
    ERROR_NAMES,
    FIRST_NAMES,
    SCALED,
    Table,
    errors_table,
    number,
    speed_table,
    stage_table,
)
from geo_perception.evaluation.tree import Tree

ROW_TITLES = {
    FUSED: "fused",
    STEREO: "stereo alone",
    LIDAR: "completed lidar alone",
    VISIBLE_RETURNS: "visible returns, at their pixels",
    RAW_RETURNS: "raw returns, at their pixels",
    ORACLE: "oracle: better of stereo and lidar",
}
BOUNDS = (VISIBLE_RETURNS, RAW_RETURNS, ORACLE)  # not available to a robot: they bound what fusion can reach
REGION_TITLES = {
    EVERYWHERE: "Depth error",
    AWAY: "Depth error away from lidar returns",
    UPPER: "Depth error above the highest lidar return",
}

BESIDES = "Above the lidar's view, and how far the lidar is trusted"


def all_tables(metrics: Tree) -> list[Table]:
    """Make every table that has rows, most important first."""
    tables = [
        first_table(metrics),
        *(accuracy_table(metrics, region, UNSCALED) for region in REGION_TITLES),
        *(accuracy_table(metrics, region, MEDIAN_SCALED) for region in REGION_TITLES),
        completeness_table(metrics),
        confidence_table(metrics),
        lidar_table(metrics),
        uncertainty_table(metrics),
        speed_table(metrics),
        stage_table(metrics),
    ]
    return [table for table in tables if table.rows]


def brief_tables(metrics: Tree) -> list[Table]:
    """Make the tables of the terminal: no median scaling, no stages, as many columns as fit."""
    regions = [first_table(metrics, region) for region in REGION_TITLES]
    tables = [*regions, completeness_table(metrics)]
    tables += [uncertainty_table(metrics), lidar_table(metrics), speed_table(metrics)]
    return [table for table in tables if table.rows]


def first_table(metrics: Tree, region: str = EVERYWHERE) -> Table:
    """Make the table of the most important measures, for the rows that a robot can have."""
    usable = {row: regions for row, regions in metrics["accuracy"].items() if row not in BOUNDS}
    return errors_table(
        f"{REGION_TITLES[region]}, as the robot gets it",
        _errors(usable, region, UNSCALED),
        FIRST_NAMES,
        _pixels(metrics["protocol"], region),
        row_help=ROW_HELP,
    )


def lidar_table(metrics: Tree) -> Table:
    """Make the table of frames without lidar; empty if it was in view in all."""
    lidar = metrics["lidar"]
    keys = ("frames_without_return_in_view", "frames_without_returns")
    rows = [[key.replace("_", " "), str(lidar[key]), str(lidar["frames"])] for key in keys if lidar[key]]
    return Table("Lidar not in view: fused is stereo alone", ["", "frames", "of"], rows)


def lidar_remarks(metrics: Tree) -> list[str]:
    """List remarks on frames whose fused depth is stereo's alone, and on those whose stereo and lidar disagree."""
    return [*_unseen_remarks(metrics), *_suspicion_remarks(metrics)]


def _suspicion_remarks(metrics: Tree) -> list[str]:
    found = metrics["suspicions"]
    return [
        f"lidar: {len(found)} of {metrics['frames']} frames, the first {one['name']}: {one['text']}"
        for one in found[:1]
    ]


def _unseen_remarks(metrics: Tree) -> list[str]:
    lidar = metrics["lidar"]
    unseen, empty, frames = (
        lidar[key] for key in ("frames_without_return_in_view", "frames_without_returns", "frames")
    )
    if not unseen:
        return []
    why = f", {empty} of them with no return at all" if empty else ""
    cure = (
        ""
        if unseen == empty
        else "; is camera_from_lidar (/tf_static) right, and the images' frame optical (z forward, REP 103)?"
    )
    return [
        f"lidar: no return in view in {unseen} of {frames} frames{why}; fused is stereo alone there{cure}"
    ]


def accuracy_table(metrics: Tree, region: str, scaling: str) -> Table:
    """Make the table of every measure of every evaluated map in one region."""
    scaled = "" if scaling == UNSCALED else ", median scaled"
    return errors_table(
        f"{REGION_TITLES[region]}{scaled}",
        _errors(metrics["accuracy"], region, scaling),
        ERROR_NAMES,
        _pixels(metrics["protocol"], region),
        ALL_MEASURES if scaling == UNSCALED else SCALED,
        ROW_HELP,
    )


def completeness_table(metrics: Tree) -> Table:
    """Make the table of the upper scene: warp error, and errors as multiples of stereo alone's."""
    tree, depth = metrics["scene_completeness"], metrics["scene_completeness"]["depth_over_stereo"]
    rows = []
    for row, error in tree["photometric"].items():
        ratios = depth.get(row, {"RMSE": None, "MAE": None})
        cells = (*(error[key] for key in ("grey_levels", "coverage", "over_stereo")), *ratios.values())
        rows.append([ROW_TITLES.get(row, row), *map(number, cells)])
    columns = ["", "warp error", "coverage", "over stereo", "RMSE over stereo", "MAE over stereo"]
    note = (
        "Rows above the highest lidar return, where recorded data have no truth: how well depth carries the right "
        "image onto the left one."
    )
    return Table("Above the highest lidar return", columns, rows, note, BESIDES, COLUMN_HELP | ROW_HELP)


def confidence_table(metrics: Tree) -> Table:
    """Make the table of mean lidar confidence by kind of pixel, and of the differences that show it is alive."""
    tree = metrics["confidence"]
    kinds = list(dict.fromkeys(kind for row in tree.values() for kind in row))
    rows = [
        [ROW_TITLES.get(name, name), *(_mean_cell(row.get(kind)) for kind in kinds)]
        for name, row in tree.items()
    ]
    titles = [kind.replace("_", " ") for kind in kinds]
    meaning = {title: CONFIDENCE_KINDS.get(kind, "") for title, kind in zip(titles, kinds, strict=True)}
    note = "Mean over pixels of all frames; 1: depth is the lidar's, 0: it is that of stereo."
    return Table("Lidar confidence", ["", *titles], rows, note, BESIDES, meaning | ROW_HELP)


def uncertainty_table(metrics: Tree) -> Table:
    """Make the table of the reliability of the fused depth's uncertainty."""
    rows = [
        [f"within {level}" if level.endswith("%") else level, number(shares["said"]), number(shares["right"])]
        for level, shares in metrics["uncertainty"].items()
    ]
    note = "Whether the published uncertainty holds, over all pixels with known truth."
    return Table(
        "Uncertainty of the fused depth", ["", "said of", "right"], rows, note, BESIDES, UNCERTAINTY_HELP
    )


def _errors(accuracy: Tree, region: str, scaling: str) -> dict[str, Tree]:
    return {
        ROW_TITLES.get(row, row): regions[region][scaling]
        for row, regions in accuracy.items()
        if region in regions
    }


def _pixels(protocol: Tree, region: str) -> str:
    """Describe which pixels count."""
    cap_m = f"true depth up to {protocol['cap_m']:g} m"
    which = {
        EVERYWHERE: f"All pixels with {cap_m}",
        AWAY: f"Pixels with {cap_m} that lie more than {protocol.get('away_px', 0):g} px from every lidar return",
        UPPER: f"Pixels with {cap_m} above the highest lidar return, in frames with enough truth there",
    }
    return f"{which[region]}; the mean over frames. Pixels without depth count in coverage only."


def _mean_cell(value: Tree | float | None) -> str:
    return number(value["mean"] if isinstance(value, dict) else value)
