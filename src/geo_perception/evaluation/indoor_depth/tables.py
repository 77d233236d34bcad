# SPDX-License-Identifier: Apache-2.0
"""Tables of an indoor report: depth as predicted first, scaled by each image's median behind a fold."""

from __future__ import annotations

from geo_perception.evaluation.indoor_depth.baselines import CONSTANT, MEAN_MAP, ROW_RAMP
from geo_perception.evaluation.indoor_depth.protocol import NATIVE
from geo_perception.evaluation.indoor_depth.run import MODEL
from geo_perception.evaluation.metrics import EVERYWHERE, MEDIAN_SCALED, UNSCALED
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
    MODEL: "this model",
    CONSTANT: "constant",
    ROW_RAMP: "inverse ramp over the rows",
    MEAN_MAP: "mean depth of the training set",
}
ROW_HELP = {
    "this model": "depth of the network: what the node publishes",
    "constant": "guess without looking: the same depth everywhere, the median of the data",
    "inverse ramp over the rows": "guess without looking: near below, twice as far above",
    "mean depth of the training set": "guess without looking: the mean depth of what the network was trained on",
}
ALL_FRAMES = "all frames"


def indoor_tables(metrics: Tree) -> list[Table]:
    """Make every table that has rows, most important first."""
    parts = _parts(metrics)
    tables = [
        *first_indoor_tables(metrics),
        *(_errors(metrics, part, name, UNSCALED, ERROR_NAMES) for name, part in parts.items()),
        *(_errors(metrics, part, name, MEDIAN_SCALED, ERROR_NAMES) for name, part in parts.items()),
        speed_table(metrics),
        stage_table(metrics),
    ]
    return [table for table in tables if table.rows]


def first_indoor_tables(metrics: Tree) -> list[Table]:
    """Make the tables of depth as predicted, with the most important measures."""
    tables = (_errors(metrics, part, name, UNSCALED, FIRST_NAMES) for name, part in _parts(metrics).items())
    return [table for table in tables if table.rows]


def brief_indoor_tables(metrics: Tree) -> list[Table]:
    """Make the tables of the terminal: as predicted, then scaled, with as many columns as fit."""
    parts = _parts(metrics)
    tables = [
        *first_indoor_tables(metrics),
        *(_errors(metrics, part, name, MEDIAN_SCALED, FIRST_NAMES) for name, part in parts.items()),
        speed_table(metrics),
    ]
    return [table for table in tables if table.rows]


def _parts(metrics: Tree) -> dict[str, Tree]:
    """Select the subtrees with tables of their own, by title: all frames first, where there are several data sets."""
    data_sets: dict[str, Tree] = metrics["data_sets"]
    whole = {ALL_FRAMES: {"accuracy": metrics["accuracy"]}} if len(data_sets) > 1 else {}
    return {**whole, **data_sets}


def _errors(metrics: Tree, part: Tree, name: str, scaling: str, names: tuple[str, ...]) -> Table:
    errors = {
        ROW_TITLES.get(row, row): regions[EVERYWHERE][scaling] for row, regions in part["accuracy"].items()
    }
    protocol = metrics["protocol"]
    published = "" if protocol["name"] == NATIVE else f" as {protocol['name']} was published"
    note = (
        f"Pixels with true depth of {protocol['min_truth_m']:g} to {protocol['cap_m']:g} m{published}; "
        "the mean over frames."
    )
    how = "as the robot gets it" if scaling == UNSCALED else "each image scaled to its true median"
    open_fold = "" if names == FIRST_NAMES else ALL_MEASURES
    return errors_table(
        f"{name}: depth error, {how}",
        errors,
        names,
        " ".join(filter(None, (note, _about(part), _on_scaling(scaling)))),
        open_fold if scaling == UNSCALED else SCALED,
        ROW_HELP,
    )


def _about(part: Tree) -> str:
    """Describe a data set in a sentence; empty for all together."""
    if "kind" not in part:
        return ""
    registration = part["registration"][:1].upper() + part["registration"][1:]
    return f"{part['kind']}, {part['frames']} frames, median depth {number(part['typical_m'])} m. {registration}."


def _on_scaling(scaling: str) -> str:
    if scaling == UNSCALED:
        return "The guesses know the median depth of the data, which a robot would not."
    return "As most published figures are; a robot does not know this scale."
