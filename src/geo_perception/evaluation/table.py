# SPDX-License-Identifier: Apache-2.0
"""Tables for people, in the report and on the terminal.

The first one is depth as the robot gets it, in metres. Median scaling, as in publications, and tables that only explain
the first one come after it, in the report behind a fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from geo_perception.evaluation.legend_texts import COLUMN_HELP, SPEED_TITLES
from geo_perception.evaluation.tree import Tree

NOTHING = "-"
ERROR_NAMES = ("RMSE", "MAE", "AbsRel", "SqRel", "RMSElog", "delta1", "delta2", "delta3", "coverage")
FIRST_NAMES = ("RMSE", "MAE", "AbsRel", "delta1", "coverage")  # what fits a terminal and a phone
METRES = ("RMSE", "MAE", "SqRel")
FIRST_COLUMNS = tuple(f"{name} [m]" if name in METRES else name for name in FIRST_NAMES)
LEGEND = (
    "RMSE, MAE: errors in metres. AbsRel: error / true depth. delta1: share of pixels\nwithin a factor of 1.25 of the "
    "truth. coverage: share of pixels that have depth.\nThe report shows more measures and says what they mean."
)


ALL_MEASURES, SCALED = "All measures", "With each frame scaled to the median of its truth"
SPEED = "Speed in detail"


@dataclass(frozen=True)
class Table:
    """Cells as text, ready to be shown."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    fold: str = ""  # the report shows tables of one fold together, closed; empty: open
    help: Mapping[str, str] = field(default_factory=dict)  # meaning of a column or row, by its name

    def as_text(self) -> str:
        """Format as aligned columns for the terminal."""
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
    """Format tables for the terminal, with the meaning of their columns where errors are among them."""
    known = any(set(FIRST_COLUMNS) <= set(table.columns) for table in tables)
    return "\n\n".join([*(table.as_text() for table in tables), *([LEGEND] if known else [])])


def errors_table(
    title: str,
    errors: Mapping[str, Tree],
    names: Sequence[str],
    note: str,
    fold: str = "",
    row_help: Mapping[str, str] | None = None,
) -> Table:
    """Make a table of errors, one row for each title.

    Args:
        title: title of the table.
        errors: row title -> measure -> value.
        names: the measures to show.
        note: text below the table.
        fold: title of the fold that holds the table in the report; empty: open.
        row_help: meaning of a row, by its title.
    """
    rows = [[title, *(number(row[name]) for name in names)] for title, row in errors.items()]
    columns = [f"{name} [m]" if name in METRES else name for name in names]
    meaning = {column: COLUMN_HELP[name] for column, name in zip(columns, names, strict=True)}
    return Table(title, ["", *columns], rows, note, fold, {**meaning, **(row_help or {})})


def speed_table(metrics: Tree) -> Table:
    """Make the table of rate, latency and jitter, under the titles of SPEED_TITLES."""
    timings = metrics["timings"]
    rows = [[title, number(timings[name])] for name, (title, _) in SPEED_TITLES.items()]
    meaning = {title: f"{text}; {name} in metrics.json" for name, (title, text) in SPEED_TITLES.items()}
    return Table("Speed", ["", "value"], rows if timings["NUM_FRAMES_SENT"] else [], "", SPEED, meaning)


def stage_table(metrics: Tree) -> Table:
    """Make the table of the time of each stage of the pipeline."""
    stages = metrics["timings"]["stages"]
    rows = [[name, number(t["median_ms"]), number(t["p95_ms"])] for name, t in stages.items()]
    meaning = {"median": "half of the frames take less", "p95": "95 of 100 frames take less"}
    return Table("Time of each stage [ms]", ["", "median", "p95"], rows, "", SPEED, meaning)


def number(value: float | int | None) -> str:
    """Format a number with three decimals below 100, one above, integers as they are."""
    if value is None:
        return NOTHING
    if isinstance(value, int):
        return str(value)
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"
