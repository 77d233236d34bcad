# SPDX-License-Identifier: Apache-2.0
"""Log of a run: a CSV table, TensorBoard curves and images, and an early report on its health."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from geo_perception.errors import DataError
from geo_perception.outputs import writing, written_aside
from geo_perception.preview import colourise_depth

TABLE = "log.csv"
HEALTH = "health.json"
NEAR_M, FAR_M = 0.3, 10.0  # range of depth images
BINS_M = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, float("inf"))


class RunLog:
    """Rows of named values by step; a resumed run drops the rows it is about to write again."""

    def __init__(self, folder: Path, start: int) -> None:
        self.path = folder / TABLE
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.writer = SummaryWriter(str(folder), purge_step=start)
            self._keep_before(start)

    def _keep_before(self, start: int) -> None:
        there = self.path.is_file() and start
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines() if there else []
        kept = [
            line for line in lines if not line.split(",")[0].isdecimal() or int(line.split(",")[0]) < start
        ]
        with written_aside(self.path) as aside:
            aside.write_text("".join(f"{line}\n" for line in kept or ["step,name,value"]), encoding="utf-8")

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add a line per value, and a point on each curve. Raises DataError if the disk refuses."""
        try:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([step, name, f"{value:.8g}"] for name, value in values.items())
        except OSError as error:
            raise DataError(f"cannot write {self.path}: {error}; the last checkpoint is kept") from error
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def picture(self, name: str, rows: Mapping[str, Tensor], step: int) -> None:
        """Log a grid, a row per entry, a column per sample: (B,3,H,W) colour in 0..1 or (B,1,H,W) depth in metres."""
        strips = [torch.cat(list(_coloured(values)), dim=2) for values in rows.values()]
        self.writer.add_image(name, torch.cat(strips, dim=1).clamp(0, 1), step)

    def close(self) -> None:
        """Write what is pending."""
        self.writer.close()


def _coloured(values: Tensor) -> Tensor:
    if values.shape[1] == 3:
        return values.float()
    maps = [colourise_depth(_unknown_to_nan(one[0]), NEAR_M, FAR_M) for one in values]
    return torch.from_numpy(np.stack(maps)).permute(0, 3, 1, 2) / 255


def _unknown_to_nan(depth_m: Tensor) -> np.ndarray:
    return torch.where(depth_m > 0, depth_m, torch.nan).float().cpu().numpy()


def health(
    depth_m: Tensor, truth_m: Tensor, warped_share: Tensor, limits_m: tuple[float, float]
) -> dict[str, Any]:
    """Early faults of self-supervised training, as numbers and warnings.

    Args:
        depth_m: (B,1,H,W) predicted.
        truth_m: the same shape, 0 = unknown, or empty.
        warped_share: share of pixels that a warped view explains better than the unwarped one; NaN = not measured.
        limits_m: range of the network, metres.
    """
    flat = depth_m.flatten().float()
    spread = torch.quantile(flat[:: max(1, flat.numel() // 100_000)], flat.new_tensor((0.05, 0.5, 0.95)))
    report: dict[str, Any] = {
        "depth_m": {"p5": float(spread[0]), "median": float(spread[1]), "p95": float(spread[2])},
        "depth_histogram": histogram(flat),
        "warped_share": float(warped_share),
    }
    known = truth_m[truth_m > 0]
    if known.numel():
        report["truth_histogram"] = histogram(known)
        report["scale"] = float(known.median() / flat.median())
    report["warnings"] = warnings(spread, float(warped_share), limits_m)
    return report


def histogram(depth_m: Tensor) -> dict[str, float]:
    """Compute the share of pixels between each two limits."""
    counts = np.histogram(depth_m.float().cpu().numpy(), BINS_M)[0] / max(1, depth_m.numel())
    return {
        f"{low:g}-{high:g} m": round(float(c), 4)
        for low, high, c in zip(BINS_M, BINS_M[1:], counts, strict=False)
    }


def warnings(spread: Tensor, warped_share: float, limits_m: tuple[float, float]) -> list[str]:
    """List sentences on what looks wrong."""
    out = []
    near, far = limits_m
    if spread[0] > 0.95 * far or spread[2] < 1.05 * near:
        out.append("nearly all depth lies at a limit of the range: the network has collapsed")
    if spread[2] < 1.02 * spread[0]:
        out.append("the depth is flat")
    if warped_share < 0.05:
        out.append(
            "warping explains under 5 % of the pixels: baseline, intrinsics or left and right may be wrong"
        )
    return out


def write_health(folder: Path, step: int, report: Mapping[str, object]) -> None:
    """Add a report to health.json, by step."""
    path = folder / HEALTH
    try:
        reports = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        reports[str(step)] = report
    except (ValueError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}): remove it") from error
    with written_aside(path) as aside:
        aside.write_text(json.dumps(reports, indent=1) + "\n", encoding="utf-8")
