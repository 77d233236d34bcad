# SPDX-License-Identifier: Apache-2.0
"""Fast forms of the networks against their eager float32 reference forms, at KITTI size.

Weights are random: they do not change the time. Reference and fast forms take turns, so that whatever else runs on the
machine slows all of them; the ratio is that of the medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from bench.table import Row
from geo_perception.inference.cpu import optimise
from geo_perception.networks import build
from geo_perception.networks.scadc_guided import FEATURES

HEIGHT, WIDTH = 352, 1216
ROUNDS = 5
Inputs = tuple[torch.Tensor, ...]


def run() -> list[Row]:
    """Rows for every network in float32 and bfloat16."""
    torch.manual_seed(0)
    rows = compare("SCADC 352x1216", "scadc", {}, fusion_inputs())
    rows += compare("SCADC-guided 384x1248", "scadc_guided", {}, (torch.randn(1, len(FEATURES), 384, 1248),))
    rows += compare("SSDC-18 gd 352x1216", "ssdc", {"layers": 18}, completion_inputs())
    rows += compare("PSMNet 384x1248", "psmnet", {}, tuple(torch.randn(2, 1, 3, 384, 1248)), rounds=3)
    return rows


def fusion_inputs() -> Inputs:
    """Stereo depth, lidar depth, returns on 6% of the pixels below row 100, and their mask."""
    mask = (torch.rand(1, 1, HEIGHT, WIDTH) < 0.06).float()
    mask[:, :, :100] = 0
    stereo, lidar = 60 * torch.rand(2, 1, 1, HEIGHT, WIDTH) + 3
    return stereo, lidar, lidar * mask, mask


def completion_inputs() -> Inputs:
    """Returns and a grey image."""
    return fusion_inputs()[2], 255 * torch.rand(1, 1, HEIGHT, WIDTH)


@torch.inference_mode()
def compare(title: str, name: str, config: dict[str, Any], inputs: Inputs, rounds: int = ROUNDS) -> list[Row]:
    """Time reference, float32 and bfloat16 forms in turns."""
    network = build(name, **config).eval()
    forms: dict[str, Callable[..., Any]] = {"reference": network}
    forms |= {precision: optimise(network, precision) for precision in ("float32", "bfloat16")}
    times: dict[str, list[float]] = {form: [] for form in forms}
    for turn in range(rounds + 1):
        for form, function in forms.items():
            start = time.perf_counter()
            function(*inputs)
            if turn > 0:  # the first turn warms up
                times[form].append(1e3 * (time.perf_counter() - start))
    medians = {form: statistics.median(values) for form, values in times.items()}
    against = "eager float32"
    rows = [Row(f"{title} {against}", medians["reference"])]
    for form in ("float32", "bfloat16"):
        rows.append(Row(f"{title} fast {form}", medians[form], medians["reference"] / medians[form], against))
    return rows
