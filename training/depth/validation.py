# SPDX-License-Identifier: Apache-2.0
"""Validation of an indoor depth network during training, with and without median scaling."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from geo_perception.evaluation.metrics import DepthMetrics, depth_metrics, mean_metrics
from training.data.depth import Cache
from training.data.depth.loader import crop_camera, matrices
from training.depth.config import DistDepthRecipeConfig
from training.depth.mean_depth import focal_ratios
from training.depth.multi_frame import MultiFrameStudent
from training.depth.student import Student
from training.run_log import RunLog

CAP_M = 10.0
SHOWN = 6


def validate(
    student: Student | MultiFrameStudent,
    cache: Cache | None,
    config: DistDepthRecipeConfig,
    log: RunLog,
    step: int,
) -> dict[str, float]:
    """Average errors over the first images of the held-out sets, and log them; {} where there is no truth."""
    if cache is None or cache.depths_m is None:
        return {}
    student.eval()
    count = min(len(cache), config.validation_images)
    chosen = np.linspace(0, len(cache) - 1, count).astype(int)
    rows: dict[str, list[DepthMetrics]] = {"metric": [], "scaled": []}
    shown: dict[str, list[Tensor]] = {"image": [], "depth": [], "truth": []}
    pictured = set(chosen[np.linspace(0, count - 1, SHOWN).astype(int)])  # from first to last room
    with torch.inference_mode():
        for i in chosen:
            frames, truth_m = held_out(cache, int(i))
            depth_m = predict(student, cache, int(i), frames, config)
            pair = depth_m[0, 0].float().cpu().numpy(), truth_m[0, 0].numpy()
            rows["metric"].append(depth_metrics(*pair, cap_m=CAP_M))
            rows["scaled"].append(depth_metrics(*pair, cap_m=CAP_M, median_scale=True))
            if i in pictured:
                for name, value in (("image", frames["0"]), ("depth", depth_m.cpu()), ("truth", truth_m)):
                    shown[name].append(value)
    means = {name: mean_metrics(values) for name, values in rows.items()}
    figures = {
        f"{name}_{key}": getattr(mean, key)
        for name, mean in means.items()
        for key in ("absrel", "rmse_m", "delta1")
    }
    log.add(step, {f"validation/{name}": value for name, value in figures.items()})
    log.picture("validation", {name: torch.cat(values) for name, values in shown.items()}, step)
    tqdm.write(f"step {step}: " + "  ".join(f"{name} {value:.4f}" for name, value in figures.items()))
    return figures


def held_out(cache: Cache, index: int) -> tuple[dict[str, Tensor], Tensor]:
    """Read (1,3,H,W) images in 0..1 by frame and (1,1,H,W) truth in metres, 0 = unknown."""
    assert cache.depths_m is not None
    frames = {
        name: torch.from_numpy(np.array(cache.image(index, name))).permute(2, 0, 1)[None].float() / 255
        for name in cache.frames
    }
    return frames, torch.from_numpy(np.asarray(cache.depths_m[index], np.float32))[None, None]


def predict(
    student: Student | MultiFrameStudent,
    cache: Cache,
    index: int,
    frames: Mapping[str, Tensor],
    config: DistDepthRecipeConfig,
) -> Tensor:
    """Predict (1,1,H,W) metres for the camera the image was taken with."""
    device = next(student.parameters()).device
    window = (0, 0, *cache.size)
    camera = torch.from_numpy(crop_camera(cache.cameras[index], cache.size, window, cache.size))[None]
    K, _ = matrices(camera)
    seen = {name: image.to(device) for name, image in frames.items()}
    depth_m = student.predict(seen, K.to(device))
    return depth_m * float(focal_ratios(cache, config.objective.canonical_focal)[index])
