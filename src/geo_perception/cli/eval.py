# SPDX-License-Identifier: Apache-2.0
"""`geo-perception eval PIPELINE DATA`: offline, in order, nothing dropped, the same numbers on every run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def eval_pipeline(
    pipeline: Annotated[str, typer.Argument(help="stereo_lidar_fusion")],
    data: Annotated[Path, typer.Argument(help="KITTI folder (object/stereo, raw drive, odometry) or bag")],
    *,
    stereo: Annotated[str, typer.Option(help="sgbm, sgbm_fast, psmnet, or precomputed (psmnet_disparity/)")] = "",
    completion: Annotated[str, typer.Option(help="morphology or ssdc")] = "",
    fusion: Annotated[str, typer.Option(help="scadc or confidence")] = "",
    stereo_model: Annotated[str, typer.Option(help="name in models/ or folder")] = "",
    completion_model: Annotated[str, typer.Option(help="name in models/ or folder")] = "",
    fusion_model: Annotated[str, typer.Option(help="name in models/ or folder")] = "",
    device: Annotated[str, typer.Option(help="e.g. cpu, cuda")] = "",
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16")] = "",
    compare: Annotated[str, typer.Option(help="further rows: FUSION[:MODEL], separated by commas")] = "",
    cap: Annotated[float | None, typer.Option(help="truth farther than this [m] is left out: 80")] = None,
    limit: Annotated[int | None, typer.Option(help="first N frames only")] = None,
    out: Annotated[Path, typer.Option(help="where the result folder is made")] = Path("out"),
    in_order: Annotated[
        bool, typer.Option("--in-order", help="report the first frames, not the worst")
    ] = False,
) -> None:
    """Score a pipeline on recorded frames; writes report.html, overview.png, metrics.json, config.yaml."""
    from geo_perception.cli.eval_run import run

    options = {
        "stereo": stereo,
        "completion": completion,
        "fusion": fusion,
        "stereo_model": stereo_model,
        "completion_model": completion_model,
        "fusion_model": fusion_model,
        "device": device,
        "precision": precision,
    }
    report = run(
        pipeline, data, options, compare=compare, cap_m=cap, limit=limit, out=out, worst_first=not in_order
    )
    print(f"\nreport: {report}")
