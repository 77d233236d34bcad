# SPDX-License-Identifier: Apache-2.0
"""Validation of a fusion network during training."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from geo_perception.evaluation import depth_metrics
from training.data.fusion import MAX_DEPTH_M, FusionBatch, whole_frames


def forward(network: nn.Module, batch: FusionBatch) -> Any:
    """Run either network on a batch."""
    if hasattr(network, "scores"):
        return network(batch.features.contiguous(memory_format=torch.channels_last))
    return network(batch.stereo_m, batch.lidar_m, batch.sparse_m, batch.channel("return_mask"))


def validate(network: nn.Module, paths: list[Path], writer: SummaryWriter, step: int) -> dict[str, float]:
    """Average RMSE and MAE over held-out frames, for the network and both inputs; log images of the first frame."""
    network.eval()
    rows: list[dict[str, float]] = []
    with torch.inference_mode():
        for index, batch in enumerate(whole_frames(paths, 16)):
            output = forward(network, batch)
            depths = {"fused": output.depth_m, "stereo": batch.stereo_m, "lidar": batch.lidar_m}
            rows.append(errors(depths, batch.truth_m))
            if index == 0:
                add_pictures(writer, output, batch, step)
    figures = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
    for name, value in figures.items():
        writer.add_scalar(f"validation/{name}", value, step)
    tqdm.write(f"step {step}: " + "  ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    return figures


def errors(depths: dict[str, Tensor], truth_m: Tensor) -> dict[str, float]:
    """Compute RMSE and MAE of each depth map up to the cap."""
    truth = torch.where(truth_m > 0, truth_m, torch.nan)[0, 0].numpy()
    out = {}
    for name, depth in depths.items():
        metrics = depth_metrics(depth[0, 0].float().numpy(), truth, cap_m=MAX_DEPTH_M)
        out[f"{name}_rmse_m"], out[f"{name}_mae_m"] = metrics.rmse_m, metrics.mae_m
    return out


def add_pictures(writer: SummaryWriter, output: Any, batch: FusionBatch, step: int) -> None:
    """Log grey image, inputs, result and confidence, one above another."""
    nearness: Iterable[Tensor] = (4 / depth for depth in (batch.stereo_m, batch.lidar_m, output.depth_m))
    rows = [batch.channel("grey"), *nearness, output.lidar_confidence]
    writer.add_image("validation", torch.cat(rows, dim=2)[0].clamp(0, 1), step)
