# SPDX-License-Identifier: Apache-2.0
"""Experiment on scaling depth by the camera's focal length: `python -m training.focal_scaling`.

The same simulated rooms are seen by cameras of several fields of view. A network learns depth for one focal length; of
another camera's image its depth is wrong by the ratio of the two. Errors are measured with that ratio applied and
without.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from geo_perception.evaluation.indoor_depth.protocol import NATIVE, indoor_protocol, score_indoor
from geo_perception.evaluation.metrics import MEDIAN_SCALED, UNSCALED, DepthMetrics, mean_metrics
from geo_perception.frames import RgbdFrame
from geo_perception.outputs import check_file, written_aside
from geo_perception.pipelines import IndoorDepth, IndoorDepthConfig
from geo_perception.simulation.rooms import RoomConfig, RoomSimulator

FIELDS_OF_VIEW_DEG = (50.0, 60.0, 70.0, 80.0, 90.0, 100.0)
FIRST_SEED = 900_000  # far from the seeds of training sets
SIZE = 192


@dataclass(frozen=True)
class FocalRow:
    """Errors of one field of view."""

    fov_deg: float
    frames: int
    absrel_scaled: float  # depth times the ratio of focal lengths
    absrel_plain: float  # depth as the network gives it
    absrel_median: float  # median scaled per image: the error apart from scale
    bias_scaled: float  # median of predicted / true median depth; 1 is right
    bias_plain: float


def measure(scaled: IndoorDepth, plain: IndoorDepth, frames: Sequence[RgbdFrame], fov_deg: float) -> FocalRow:
    """Measure both pipelines on the frames of one camera."""
    with_scale, without = (_scores(depth, frames) for depth in (scaled, plain))
    return FocalRow(
        fov_deg,
        len(frames),
        mean_metrics(row[UNSCALED] for row, _ in with_scale).absrel,
        mean_metrics(row[UNSCALED] for row, _ in without).absrel,
        mean_metrics(row[MEDIAN_SCALED] for row, _ in with_scale).absrel,
        float(np.median([bias for _, bias in with_scale])),
        float(np.median([bias for _, bias in without])),
    )


def room_frames(fov_deg: float, rooms: int, views: int) -> Iterator[RgbdFrame]:
    """Render views of the same rooms by a camera of this field of view."""
    config = RoomConfig(width=SIZE, height=SIZE, fov_deg=(fov_deg, fov_deg))
    for seed in range(FIRST_SEED, FIRST_SEED + rooms):
        for frame in RoomSimulator(seed, config).frames(views):
            yield RgbdFrame(f"{seed}-{frame.name}", frame.left, frame.camera, frame.depth_m)


def format_rows(rows: Sequence[FocalRow]) -> str:
    """Format the table to print."""
    lines = ["view  frames  AbsRel scaled  not scaled  median scaled  bias scaled  not scaled"]
    lines += [
        f"{r.fov_deg:4.0f}  {r.frames:6d}  {r.absrel_scaled:13.3f}  {r.absrel_plain:10.3f}  {r.absrel_median:13.3f}  "
        f"{r.bias_scaled:11.2f}  {r.bias_plain:10.2f}"
        for r in rows
    ]
    return "\n".join(lines)


def main(args: list[str] | None = None) -> None:
    """Parse the options, measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(
        prog="python -m training.focal_scaling",
        description="What scaling depth to the camera's focal length is worth, on simulated rooms.",
    )
    parser.add_argument("--model", default=IndoorDepthConfig().model, help="name in models/ or a folder")
    parser.add_argument("--fov", type=float, nargs="+", default=list(FIELDS_OF_VIEW_DEG), metavar="DEG")
    parser.add_argument("--rooms", type=int, default=8, help="environments, each seen by every camera")
    parser.add_argument("--views", type=int, default=5, help="views of each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    options = parser.parse_args(args)
    if options.json:
        check_file(options.json, "--json")
    scaled, plain = (
        IndoorDepth(IndoorDepthConfig(options.model, scale_by_focal=on, max_gap_s=0)) for on in (True, False)
    )
    rows = []
    for fov_deg in options.fov:
        rows.append(measure(scaled, plain, list(room_frames(fov_deg, options.rooms, options.views)), fov_deg))
        print(
            format_rows(rows[-1:]) if len(rows) == 1 else format_rows(rows[-1:]).splitlines()[1], flush=True
        )
    if options.json:
        with written_aside(options.json) as aside:
            aside.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")


def _scores(depth: IndoorDepth, frames: Sequence[RgbdFrame]) -> list[tuple[dict[str, DepthMetrics], float]]:
    """Compute errors, and predicted over true median depth, of every frame."""
    rows = []
    for frame in frames:
        truth_m = frame.depth_truth_m
        assert truth_m is not None
        depth_m = depth(frame.image, frame.camera).depth_m
        bias = float(np.nanmedian(depth_m[truth_m > 0]) / np.nanmedian(truth_m[truth_m > 0]))
        rows.append((score_indoor(depth_m, truth_m, indoor_protocol(NATIVE)), bias))
    return rows


if __name__ == "__main__":
    main()
