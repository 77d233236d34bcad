# SPDX-License-Identifier: Apache-2.0
"""The tables people read, in the report and on the terminal, out of the tree of metrics.json.

The first one is depth as the robot gets it, in metres. What is forgiven in publications (one scale per image) and what
only explains the first table comes after it, in the report behind a fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from geo_perception.evaluation.stereo_lidar_fusion.estimate import FUSED, LIDAR, STEREO, VISIBLE_RETURNS
from geo_perception.evaluation.stereo_lidar_fusion.legend_texts import (
    COLUMN_HELP,
    CONFIDENCE_KINDS,
    ROW_HELP,
    SPEED_TITLES,
    UNCERTAINTY_HELP,
)
from geo_perception.evaluation.stereo_lidar_fusion.protocol import (
    AWAY,
    EVERYWHERE,
    MEDIAN_SCALED,
    ORACLE,
    RAW_RETURNS,
    UNSCALED,
    UPPER,
)

Tree = dict[str, Any]
NOTHING = "-"

ROW_TITLES = {
    FUSED: "fused",
    STEREO: "stereo alone",
    LIDAR: "completed lidar alone",
    VISIBLE_RETURNS: "visible returns, at their pixels",
    RAW_RETURNS: "raw returns, at their pixels",
    ORACLE: "oracle: better of stereo and lidar",
}
BOUNDS = (VISIBLE_RETURNS, RAW_RETURNS, ORACLE)  # no robot has these: they bound what fusing can reach
REGION_TITLES = {
    EVERYWHERE: "Depth error",
    AWAY: "Depth error away from lidar returns",
    UPPER: "Depth error above the highest lidar return",
}
ERROR_NAMES = ("RMSE", "MAE", "AbsRel", "SqRel", "RMSElog", "delta1", "delta2", "delta3", "coverage")
FIRST_NAMES = ("RMSE", "MAE", "AbsRel", "delta1", "coverage")  # what fits a terminal and a phone
METRES = ("RMSE", "MAE", "SqRel")
FIRST_COLUMNS = tuple(f"{name} [m]" if name in METRES else name for name in FIRST_NAMES)
LEGEND = (
    "RMSE, MAE: errors in metres. AbsRel: error / true depth. delta1: share of pixels\nwithin a factor of 1.25 of the "
    "truth. coverage: share of pixels that have depth.\nThe report shows more measures and says what they mean."
)

ALL_MEASURES, SCALED = "All measures", "With each frame scaled to the median of its truth"
BESIDES, SPEED = "Above the lidar's view, and how far the lidar is trusted", "Speed in detail"


@dataclass(frozen=True)
class Table:
    """Cells as text, ready to be shown."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    fold: str = ""  # the report shows tables of one fold together, closed; empty: open
    help: Mapping[str, str] = field(default_factory=dict)  # what a column or row means, by its name

    def as_text(self) -> str:
        """Aligned columns for the terminal."""
        lines = [list(self.columns), *map(list, self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        body = [
            "  ".join(
                cell.ljust(w) if i == 0 else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        ]
        return "\n".join([self.title, *(f"  {line}" for line in body)])


def as_text(tables: Sequence[Table]) -> str:
    """Tables for the terminal, with the meaning of their columns where errors are among them."""
    known = any(set(FIRST_COLUMNS) <= set(table.columns) for table in tables)
    return "\n\n".join([*(table.as_text() for table in tables), *([LEGEND] if known else [])])


def all_tables(metrics: Tree) -> list[Table]:
    """Every table that has rows, most important first."""
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
    """What the terminal shows: no median scaling, no stages, as many columns as fit."""
    regions = [first_table(metrics, region) for region in REGION_TITLES]
    tables = [*regions, completeness_table(metrics)]
    tables += [uncertainty_table(metrics), lidar_table(metrics), speed_table(metrics)]
    return [table for table in tables if table.rows]


def first_table(metrics: Tree, region: str = EVERYWHERE) -> Table:
    """The measures to look at first, of what a robot can have."""
    usable = {row: regions for row, regions in metrics["accuracy"].items() if row not in BOUNDS}
    return errors_table(
        f"{REGION_TITLES[region]}, as the robot gets it",
        _errors(usable, region, UNSCALED),
        FIRST_NAMES,
        _pixels(metrics["protocol"], region),
    )


def lidar_table(metrics: Tree) -> Table:
    """Frames without lidar; empty if it was in view in all."""
    lidar = metrics["lidar"]
    keys = ("frames_without_return_in_view", "frames_without_returns")
    rows = [[key.replace("_", " "), str(lidar[key]), str(lidar["frames"])] for key in keys if lidar[key]]
    return Table("Lidar not in view: fused is stereo alone", ["", "frames", "of"], rows)


def lidar_remarks(metrics: Tree) -> list[str]:
    """Lines on frames whose fused depth is that of stereo alone, and on those whose stereo and lidar disagree."""
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
    """Every measure of every judged map in one region."""
    scaled = "" if scaling == UNSCALED else ", median scaled"
    return errors_table(
        f"{REGION_TITLES[region]}{scaled}",
        _errors(metrics["accuracy"], region, scaling),
        ERROR_NAMES,
        _pixels(metrics["protocol"], region),
        ALL_MEASURES if scaling == UNSCALED else SCALED,
    )


def errors_table(
    title: str, errors: Mapping[str, Tree], names: Sequence[str], note: str, fold: str = ""
) -> Table:
    """Rows of errors by title, each a mapping of measures."""
    rows = [[title, *(number(row[name]) for name in names)] for title, row in errors.items()]
    columns = [f"{name} [m]" if name in METRES else name for name in names]
    meaning = {column: COLUMN_HELP[name] for column, name in zip(columns, names, strict=True)}
    return Table(title, ["", *columns], rows, note, fold, {**meaning, **ROW_HELP})


def completeness_table(metrics: Tree) -> Table:
    """Upper scene: warp error, and how many times stereo alone's the errors are."""
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
    """Mean lidar confidence of each fused map by kind of pixel, and the differences that show it is alive."""
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
    """Whether what is said about the fused depth's error holds."""
    rows = [
        [f"within {level}" if level.endswith("%") else level, number(shares["said"]), number(shares["right"])]
        for level, shares in metrics["uncertainty"].items()
    ]
    note = "Whether the published uncertainty holds, over all pixels with known truth."
    return Table(
        "Uncertainty of the fused depth", ["", "said of", "right"], rows, note, BESIDES, UNCERTAINTY_HELP
    )


def speed_table(metrics: Tree) -> Table:
    """Rate, latency and jitter, under the titles of SPEED_TITLES."""
    timings = metrics["timings"]
    rows = [[title, number(timings[name])] for name, (title, _) in SPEED_TITLES.items()]
    meaning = {title: f"{text}; {name} in metrics.json" for name, (title, text) in SPEED_TITLES.items()}
    return Table("Speed", ["", "value"], rows if timings["NUM_FRAMES_SENT"] else [], "", SPEED, meaning)


def stage_table(metrics: Tree) -> Table:
    """Time of each stage of the pipeline."""
    stages = metrics["timings"]["stages"]
    rows = [[name, number(t["median_ms"]), number(t["p95_ms"])] for name, t in stages.items()]
    meaning = {"median": "half of the frames take less", "p95": "95 of 100 frames take less"}
    return Table("Time of each stage [ms]", ["", "median", "p95"], rows, "", SPEED, meaning)


def _errors(accuracy: Tree, region: str, scaling: str) -> dict[str, Tree]:
    return {
        ROW_TITLES.get(row, row): regions[region][scaling]
        for row, regions in accuracy.items()
        if region in regions
    }


def _pixels(protocol: Tree, region: str) -> str:
    """Which pixels count, in words."""
    cap_m = f"true depth up to {protocol['cap_m']:g} m"
    which = {
        EVERYWHERE: f"All pixels with {cap_m}",
        AWAY: f"Pixels with {cap_m} that lie more than {protocol.get('away_px', 0):g} px from every lidar return",
        UPPER: f"Pixels with {cap_m} above the highest lidar return, in frames with enough truth there",
    }
    return f"{which[region]}; the mean over frames. Pixels without depth count in coverage only."


def _mean_cell(value: Tree | float | None) -> str:
    return number(value["mean"] if isinstance(value, dict) else value)


def number(value: float | int | None) -> str:
    """Three decimals below 100, one above, integers as they are."""
    if value is None:
        return NOTHING
    if isinstance(value, int):
        return str(value)
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"
