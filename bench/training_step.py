# SPDX-License-Identifier: Apache-2.0
"""One training step of indoor depth against its reference form: ResNet-18, stereo, batch 4, 128x128, public losses."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

import torch
from lightning_fabric import Fabric

from bench.plain_step import plain_step
from bench.table import Row
from geo_perception.networks.distdepth import DistDepthConfig
from training.data.depth import IndoorBatch, LoaderOptions
from training.data.depth.loader import matrices
from training.depth.config import PRESETS, DistDepthRecipeConfig
from training.depth.initialization import new_student
from training.recipes.distdepth import new_optimiser, train_step

SIDE, BATCH = 128, 4
WARM_UP, ROUNDS = 5, 15
AGAINST = "eager float32"
Precision = Literal["32-true", "bf16-mixed"]


def run() -> list[Row]:
    """The reference and the recipe's step in float32 and in bfloat16 mixed precision, in turns."""
    batch = random_batch()
    steps = {"reference": reference(batch)}
    steps |= {precision: own(batch, precision) for precision in get_args(Precision)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(WARM_UP + ROUNDS):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if turn >= WARM_UP:
                times[name].append(1e3 * (time.perf_counter() - start))
    medians = {name: statistics.median(values) for name, values in times.items()}
    title = f"training step, ResNet-18 stereo {BATCH}x{SIDE}x{SIDE}"
    rows = [Row(f"{title}, reference", medians.pop("reference"))]
    base = rows[0].median_ms
    return [*rows, *(Row(f"{title}, {n}", value, base / value, AGAINST) for n, value in medians.items())]


def config_of(precision: Precision) -> DistDepthRecipeConfig:
    """The public objective, stereo alone, at this bench's size."""
    public = PRESETS["public-2024"][1]
    return replace(
        public,
        objective=replace(public.objective, mode="stereo"),
        depth=DistDepthConfig(encoder="resnet18"),
        loader=LoaderOptions(size=(SIDE, SIDE), batch=BATCH),
        precision=precision,
    )


def random_batch() -> IndoorBatch:
    """Smooth noise seen by a camera of 90 degrees; the partner is another picture."""
    torch.manual_seed(0)
    images = torch.nn.functional.interpolate(torch.rand(2 * BATCH, 3, SIDE // 8, SIDE // 8), (SIDE, SIDE))
    true = {"0": images[:BATCH], "s": images[BATCH:]}
    pyramid = [true["0"]]
    for _ in range(3):
        pyramid.append(torch.nn.functional.avg_pool2d(pyramid[-1], 2))
    half = SIDE / 2
    K, inverse = matrices(torch.tensor((half, half, half - 0.5, half - 0.5)).repeat(BATCH, 1))
    none = torch.empty(BATCH, 1, 0, 0)
    sample = torch.arange(BATCH)
    return IndoorBatch(
        true, true, tuple(pyramid), K, inverse, torch.full((BATCH,), -0.1), none, none, sample, 0
    )


def expert_map(batch: IndoorBatch) -> torch.Tensor:
    """An expert that sees no shape, so that its own time does not count."""
    return torch.full((len(batch.K), 1, SIDE, SIDE), 500.0)


def reference(batch: IndoorBatch) -> Callable[[], object]:
    """The plain form."""
    network = new_student(replace(config_of("32-true"), channels_last=False)).depth.train()
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-4)
    return lambda: plain_step(network, optimiser, batch, expert_map(batch))


def own(batch: IndoorBatch, precision: Precision) -> Callable[[], object]:
    """The recipe's form."""
    config = config_of(precision)
    fabric = Fabric(accelerator="cpu", precision=precision)
    student = new_student(config)
    model, optimiser = fabric.setup(student, new_optimiser(student, config))
    return lambda: train_step(fabric, model, optimiser, student, batch, config, expert_map)
