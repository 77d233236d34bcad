# SPDX-License-Identifier: Apache-2.0
"""Lines of `geo-perception weights list`: models that load by name, defaults, and missing files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from geo_perception.command import NAME, command_name
from geo_perception.errors import WeightsError
from geo_perception.pipelines.indoor_depth import pipeline
from geo_perception.pipelines.stereo_lidar_fusion import learned_fusion
from geo_perception.weights import list_models, list_official, read_card
from geo_perception.weights.places import WEIGHTS_FILE

DEFAULTS = {
    pipeline.DEFAULT_MODEL: "default of indoor_depth",
    learned_fusion.DEFAULT_MODEL: "default of stereo_lidar_fusion",
}
MEBIBYTE = 2**20


def model_lines() -> list[str]:
    """List all models in columns as wide as their longest word; no line depends on the terminal."""
    models = list_models()
    lines = ["Models that can be named:"]
    for parent in dict.fromkeys(folder.parent for folder in models.values()):
        lines += [f"  in {parent}", *_columns(_row(n, f) for n, f in models.items() if f.parent == parent)]
    official = list_official()
    rows = [_official_row(name, entry.network, entry.file, models) for name, entry in official.items()]
    lines += ["", "Official weights, not distributed here; get the file, then run the line below it:"]
    for row, entry in zip(_columns(rows), official.values(), strict=True):
        command = entry.command.replace(NAME, command_name(), 1)
        lines += [row, f"        from {entry.source}", f"        {command}"]
    return lines if models else ["No model is installed.", *lines[1:]]


def _row(name: str, folder: Path) -> Sequence[str]:
    try:
        card = read_card(folder)
    except WeightsError as error:
        return name, "-", "-", "-", f"cannot be used: {error}"
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        return name, card.network, "-", card.sha256[:12], f"cannot be used: {WEIGHTS_FILE} is missing"
    size = f"{weights.stat().st_size / MEBIBYTE:.1f} MB"
    return name, card.network, size, card.sha256[:12], DEFAULTS.get(name, "")


def _official_row(name: str, network: str, file: str, models: Iterable[str]) -> Sequence[str]:
    return name, network, f"imported as {name}" if name in models else "not imported", file


def _columns(rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "    " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
