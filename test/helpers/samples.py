# SPDX-License-Identifier: Apache-2.0
"""Small fusion samples without a simulator."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data.fusion import CHANNELS


def write_samples(folder: Path, seeds: range, height: int = 48, width: int = 64) -> None:
    """Stereo 10 % too far, lidar exact near its returns; truth a slope from 10 to 30 m with sky above."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        random = np.random.default_rng(seed)
        truth = np.broadcast_to(np.linspace(30, 10, height)[:, None], (height, width))
        maps = {name: np.zeros((height, width)) for name in CHANNELS}
        maps["log_stereo"] = np.log(1.1 * truth / 15) + 0.02 * random.standard_normal(truth.shape)
        maps["log_lidar"] = np.log(truth / 15) + 0.01 * random.standard_normal(truth.shape)
        maps["return_mask"] = maps["true_return"] = (random.random(truth.shape) < 0.1).astype(float)
        maps["return_reach"] = np.full(truth.shape, 0.5)
        maps["grey"] = random.random(truth.shape)
        maps["truth_m"] = np.where(np.arange(height)[:, None] < 4, 0, truth)
        stacked = np.stack([maps[name] for name in CHANNELS]).astype(np.float16)
        np.save(folder / f"{seed:06d}.npy", stacked)
