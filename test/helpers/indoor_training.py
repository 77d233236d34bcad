# SPDX-License-Identifier: Apache-2.0
"""Runs of the indoor recipe that take seconds."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from training.depth.config import PRESETS, DistDepthRecipeConfig


def tiny_config(
    preset: str, data: str, folder: Path, name: str = "", **values: object
) -> DistDepthRecipeConfig:
    """A preset at 64 x 64, batch 2, ResNet-18, four steps; `values` replace more."""
    base = PRESETS[preset][1]
    small = replace(
        base,
        data=(data,),
        validation=(data,),
        out=folder / f"model{name}",
        run_folder=folder / f"run{name}",
        cache=folder / "cache",
        depth=replace(base.depth, encoder="resnet18"),
        pose=replace(base.pose, layers=18),
        multi_frame=replace(base.multi_frame, layers=18, bins=16),
        loader=replace(base.loader, size=(64, 64), batch=2),
        steps=4,
        log_every=1,
        validate_every=2,
        threads=1,
    )
    return replace(small, **values)


def losses(config: DistDepthRecipeConfig) -> dict[tuple[int, str], float]:
    """(step, name) -> value of all loss curves of a run."""
    with (config.run_folder / "log.csv").open() as file:
        return {
            (int(r["step"]), r["name"]): float(r["value"])
            for r in csv.DictReader(file)
            if "loss" in r["name"]
        }
