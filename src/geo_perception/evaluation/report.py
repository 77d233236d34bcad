# SPDX-License-Identifier: Apache-2.0
"""A result folder: report.html (self-contained), overview.png, metrics.json and config.yaml."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from geo_perception import __version__
from geo_perception.errors import ConfigError
from geo_perception.evaluation.panel import Panel, encode, overview
from geo_perception.evaluation.table import Table, number
from geo_perception.evaluation.tree import Tree
from geo_perception.outputs import writing

MAX_FRAMES = 8
MAX_BYTES = 4_500_000  # of a report, so that it can be sent by mail; frames beyond it are left out


@dataclass(frozen=True)
class Shown:
    """A frame kept for the report."""

    name: str
    order: int  # position in the run
    rmse_m: float  # NaN without truth
    panels: tuple[Panel, ...]

    @property
    def heading(self) -> str:
        """Return name and error, for the contents and above the panels."""
        return self.name if math.isnan(self.rmse_m) else f"{self.name}: RMSE {number(self.rmse_m)} m"


def _no_tables(metrics: Tree) -> list[Table]:
    return []


@dataclass
class Report:
    """Report under construction: keeps the panels of the frames that it will show while frames are scored."""

    title: str
    worst_first: bool = True  # False: the first frames, in their order
    max_frames: int = MAX_FRAMES
    max_bytes: int = MAX_BYTES
    tables: Callable[[Tree], list[Table]] = _no_tables
    highlights: Callable[[Sequence[Panel]], list[Panel]] = list  # selects the panels of overview.png
    _shown: list[Shown] = field(default_factory=list)
    _rmse_m: list[float] = field(default_factory=list)  # of every frame

    def __post_init__(self) -> None:
        if self.max_frames < 1:
            raise ConfigError(f"a report shows at least 1 frame, got {self.max_frames}")

    def show(self, name: str, rmse_m: float, panels: Callable[[], Sequence[Panel]]) -> None:
        """Keep a frame if it is among the worst (or the first) so far; only then are its panels made.

        The last panel fills a row.

        Args:
            name: name of the frame.
            rmse_m: NaN without truth.
            panels: makes the panels.
        """
        self._rmse_m.append(rmse_m)
        key = self._key(rmse_m, len(self._rmse_m))
        if len(self._shown) == self.max_frames:
            last = self._shown[-1]
            if key >= self._key(last.rmse_m, last.order):
                return
            self._shown.pop()
        *small, wide = panels()
        kept = (*(panel.shrunk() for panel in small), wide)
        self._shown.append(Shown(name, len(self._rmse_m), rmse_m, kept))
        self._shown.sort(key=lambda shown: self._key(shown.rmse_m, shown.order))

    def write(
        self, folder: Path, metrics: Tree, config: Mapping[str, Any], summary: Sequence[str] = ()
    ) -> Path:
        """Write all four files and return the report's path.

        Args:
            folder: must exist, e.g. from `result_folder`.
            metrics: the tree that an evaluation gives.
            config: everything that decides the result; plain values.
            summary: sentences that stand above the tables.
        """
        write_metrics(folder, metrics, config)
        if self._shown:
            (folder / "overview.png").write_bytes(
                encode(overview(self.highlights(self._typical().panels)), ".png")
            )
        path = folder / "report.html"
        # file names may hold bytes that are no text
        path.write_text(self._html(metrics, config, summary), encoding="utf-8", errors="backslashreplace")
        return path

    def _typical(self) -> Shown:
        """Return the shown frame whose error is nearest to the median of all."""
        middle = median([rmse_m for rmse_m in self._rmse_m if not math.isnan(rmse_m)] or [0.0])
        return min(self._shown, key=lambda shown: (abs(shown.rmse_m - middle), shown.order))

    def _key(self, rmse_m: float, order: int) -> tuple[float, int]:
        """Compute the sort key, smallest shown first. Frames without truth come last, in their order."""
        if not self.worst_first:
            return (0.0, order)
        return (math.inf if math.isnan(rmse_m) else -rmse_m, order)

    def _html(self, metrics: Tree, config: Mapping[str, Any], summary: Sequence[str]) -> str:
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["legend"] = _legend
        tables = self.tables(metrics)
        first = [table for table in tables if not table.fold]
        folded = sorted((table for table in tables if table.fold), key=_fold_order(tables))
        return environment.get_template("report.html").render(
            title=self.title,
            version=__version__,
            metrics=metrics,
            summary=summary,
            tables=first,
            folds=[(fold, list(group)) for fold, group in groupby(folded, key=lambda table: table.fold)],
            frames=self._encoded(),
            order="worst first" if self.worst_first else "in their order",
            config=yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True),
        )

    def _encoded(self) -> list[tuple[Shown, list[tuple[Panel, str]]]]:
        """Encode the panels of as many frames as the page may hold, but of at least one."""
        encoded: list[tuple[Shown, list[tuple[Panel, str]]]] = []
        size = 0
        for shown in self._shown:
            pictures = [(panel, _data_uri(panel)) for panel in shown.panels]
            size += sum(len(uri) for _, uri in pictures)
            if encoded and size > self.max_bytes:
                break
            encoded.append((shown, pictures))
        return encoded


def _legend(tables: Sequence[Table]) -> dict[str, str]:
    """Collect the meanings of these tables' columns and rows, in their order."""
    words = [word for table in tables for word in (*table.columns, *(row[0] for row in table.rows))]
    meaning = {word: text for table in tables for word, text in table.help.items()}
    return {word: meaning[word] for word in words if meaning.get(word)}


def _fold_order(tables: Sequence[Table]) -> Callable[[Table], int]:
    """Make a sort key that groups tables by fold, in the order in which folds first appear."""
    folds = list(dict.fromkeys(table.fold for table in tables))
    return lambda table: folds.index(table.fold)


def write_metrics(folder: Path, metrics: Tree, config: Mapping[str, Any]) -> None:
    """Write metrics.json and config.yaml, without a report."""
    (folder / "metrics.json").write_text(
        json.dumps(metrics, indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
    text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
    (folder / "config.yaml").write_text(text, encoding="utf-8")


def result_folder(verb: str, root: Path = Path("out")) -> Path:
    """Create a folder `root/<verb>-<time>`; a number is appended when two start within one second.

    Raises:
        OutputError: the disk refuses.
    """
    stem = f"{verb}-{datetime.now():%Y%m%d-%H%M%S}"
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, 1000):
            folder = root / (stem if attempt == 1 else f"{stem}-{attempt}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    raise ConfigError(f"cannot make a result folder {root / stem}: a thousand of that name exist")


def _data_uri(panel: Panel) -> str:
    return "data:image/webp;base64," + base64.b64encode(panel.webp()).decode("ascii")
