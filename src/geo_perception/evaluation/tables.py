# SPDX-License-Identifier: Apache-2.0
"""The tables people read, in the report and on the terminal, out of the tree of metrics.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from geo_perception.evaluation.estimate import FUSED, LIDAR, STEREO, VISIBLE_RETURNS
from geo_perception.evaluation.protocols import (
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
REGION_TITLES = {EVERYWHERE: "everywhere", AWAY: "away from returns", UPPER: "upper scene"}
ERROR_NAMES = ("RMSE", "MAE", "AbsRel", "SqRel", "RMSElog", "delta1", "delta2", "delta3", "coverage")
SPEED_NAMES = (
    "NUM_FRAMES_SENT",
    "NUM_MISSED_FRAMES",
    "MEAN_FRAME_RATE",
    "MEAN_LATENCY",
    "MIN_LATENCY",
    "MAX_LATENCY",
    "MEAN_JITTER",
    "MAX_JITTER",
    "STD_DEV_JITTER",
)


@dataclass(frozen=True)
class Table:
    """Cells as text, ready to be shown."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

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


def all_tables(metrics: Tree) -> list[Table]:
    """Every table that has rows, most important first."""
    tables = [
        *(accuracy_table(metrics, region, UNSCALED) for region in REGION_TITLES),
        *(accuracy_table(metrics, region, MEDIAN_SCALED) for region in REGION_TITLES),
        completeness_table(metrics),
        confidence_table(metrics),
        speed_table(metrics),
        stage_table(metrics),
    ]
    return [table for table in tables if table.rows]


def brief_tables(metrics: Tree) -> list[Table]:
    """What the terminal shows: no median scaling, no stages."""
    regions = [accuracy_table(metrics, region, UNSCALED) for region in REGION_TITLES]
    tables = [*regions, completeness_table(metrics), confidence_table(metrics), speed_table(metrics)]
    return [table for table in tables if table.rows]


def accuracy_table(metrics: Tree, region: str, scaling: str) -> Table:
    """Errors of every judged map in one region."""
    rows = [
        [ROW_TITLES.get(row, row), *(number(regions[region][scaling][name]) for name in ERROR_NAMES)]
        for row, regions in metrics["accuracy"].items()
        if region in regions
    ]
    scaled = "" if scaling == UNSCALED else ", median scaled"
    protocol = metrics["protocol"]
    note = f"{protocol[region]}; {protocol['truth']} (cap {protocol['cap_m']:g} m); {protocol['prediction']}."
    return Table(f"Depth error {REGION_TITLES[region]}{scaled} [m]", ["", *ERROR_NAMES], rows, note)


def completeness_table(metrics: Tree) -> Table:
    """Upper scene: warp error, and how many times stereo alone's the errors are."""
    tree, depth = metrics["scene_completeness"], metrics["scene_completeness"]["depth_over_stereo"]
    rows = []
    for row, error in tree["photometric"].items():
        ratios = depth.get(row, {"RMSE": None, "MAE": None})
        cells = (*(error[key] for key in ("grey_levels", "coverage", "over_stereo")), *ratios.values())
        rows.append([ROW_TITLES.get(row, row), *map(number, cells)])
    columns = ["", "warp error", "coverage", "over stereo", "RMSE over stereo", "MAE over stereo"]
    note = f"{metrics['protocol']['photometric']}. RMSE and MAE: of depth, where truth covers these rows."
    return Table("Scene completeness: above the highest return", columns, rows, note)


def confidence_table(metrics: Tree) -> Table:
    """Mean lidar confidence of each fused map by kind of pixel, and the differences that show it is alive."""
    tree = metrics["confidence"]
    kinds = list(dict.fromkeys(kind for row in tree.values() for kind in row))
    rows = [
        [ROW_TITLES.get(name, name), *(_mean_cell(row.get(kind)) for kind in kinds)]
        for name, row in tree.items()
    ]
    columns = ["", *(kind.replace("_", " ") for kind in kinds)]
    return Table("Lidar confidence", columns, rows, f"{metrics['protocol']['confidence']}.")


def speed_table(metrics: Tree) -> Table:
    """Rate, latency and jitter."""
    timings = metrics["timings"]
    rows = [[name, number(timings[name])] for name in SPEED_NAMES if timings["NUM_FRAMES_SENT"]]
    return Table("Speed [frames/s, ms]", ["", "value"], rows)


def stage_table(metrics: Tree) -> Table:
    """Time of each stage of the pipeline."""
    stages = metrics["timings"]["stages"]
    rows = [[name, number(t["median_ms"]), number(t["p95_ms"])] for name, t in stages.items()]
    return Table("Stages [ms]", ["", "median", "p95"], rows)


def _mean_cell(value: Tree | float | None) -> str:
    return number(value["mean"] if isinstance(value, dict) else value)


def number(value: float | int | None) -> str:
    """Three decimals below 100, one above, integers as they are."""
    if value is None:
        return NOTHING
    if isinstance(value, int):
        return str(value)
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"
