# SPDX-License-Identifier: Apache-2.0
"""How much of the speed of training the loader costs: the recipe's steps on its batches against one batch in memory.

ResNet-18, 192x192, batch 8, the presets' own augmentation, pictures kept 1.25 times larger for crops. Steps of both
kinds take turns. While a step is timed the loader's threads prepare a coming batch, as they do in a run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from lightning_fabric import Fabric

from bench.table import Row
from training.data.depth import Cache, IndoorBatch, Loader
from training.depth.config import PRESETS, DistDepthRecipeConfig
from training.depth.initialization import new_student
from training.depth.student import FRAMES
from training.recipes.distdepth import new_optimiser, train_step

SAMPLES, SIDE, KEEP = 64, 192, 1.25
WARM_UP, ROUNDS, BLOCK = (
    1,
    4,
    4,
)  # steps of one kind in a row, so that batches prepared ahead do not hide the cost


def run() -> list[Row]:
    """The ratio is speed with the loader over speed without it; at least 0.85 is wanted."""
    rows = []
    for preset in ("supervised", "stereo"):
        with TemporaryDirectory() as folder:
            rows += compare(preset, Path(folder))
    return rows


def compare(preset: str, folder: Path) -> list[Row]:
    """Rows of one preset."""
    config = PRESETS[preset][1]
    loader = Loader(pictures(FRAMES[config.objective.mode], folder), config.loader)
    batches = loader.batches(0)
    step = stepper(config)
    kept = next(batches)
    sources: dict[str, Callable[[], IndoorBatch]] = {
        "in memory": lambda: kept,
        "loader": lambda: next(batches),
    }
    times: dict[str, list[float]] = {name: [] for name in sources}
    for turn in range(WARM_UP + ROUNDS):
        for name, source in sources.items():
            elapsed = timed_block(step, source)
            if turn >= WARM_UP:
                times[name].append(elapsed)
    close(batches)
    medians = {name: statistics.median(values) for name, values in times.items()}
    title = f"{preset} step, ResNet-18 {config.loader.batch}x{SIDE}x{SIDE}"
    against = "batch in memory"
    return [
        Row(f"{title}, {against}", medians["in memory"]),
        Row(f"{title}, loader", medians["loader"], medians["in memory"] / medians["loader"], against),
    ]


def timed_block(step: Callable[[IndoorBatch], object], source: Callable[[], IndoorBatch]) -> float:
    """Milliseconds a step."""
    start = time.perf_counter()
    for _ in range(BLOCK):
        step(source())
    return 1e3 * (time.perf_counter() - start) / BLOCK


def close(batches: Iterator[IndoorBatch]) -> None:
    """Ends the loader's threads."""
    batches.close()  # type: ignore[attr-defined]  # it is a generator


def stepper(config: DistDepthRecipeConfig) -> Callable[[IndoorBatch], object]:
    """The recipe's update."""
    fabric = Fabric(accelerator="cpu", precision=config.precision)
    torch.manual_seed(0)
    student = new_student(config)
    model, optimiser = fabric.setup(student, new_optimiser(student, config))
    return lambda batch: train_step(fabric, model, optimiser, student, batch, config, None)


def pictures(frames: tuple[str, ...], folder: Path) -> Cache:
    """Pictures with the statistics of rooms (smooth areas, edges, some noise) as mapped files, as a run has them."""
    random = np.random.default_rng(0)
    side, images = round(SIDE * KEEP), SAMPLES * len(frames)
    coarse = (
        random.integers(0, 236, (images, 12, 12, 3), np.uint8).repeat(side // 12, 1).repeat(side // 12, 2)
    )
    coarse += random.integers(0, 20, coarse.shape, np.uint8)
    depths_m = random.uniform(1, 6, (SAMPLES, 12, 12)).astype(np.float16)
    np.save(folder / "images.npy", coarse)
    np.save(folder / "depths_m.npy", depths_m.repeat(side // 12, 1).repeat(side // 12, 2))
    mapped = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("images", "depths_m")}
    cameras = np.tile(np.array((0.5, 0.5, 0.5, 0.5, -0.13), np.float32), (SAMPLES, 1))
    rows = np.arange(images, dtype=np.int32).reshape(SAMPLES, len(frames))
    return Cache(frames, mapped["images"], rows, mapped["depths_m"], None, cameras)
