# SPDX-License-Identifier: Apache-2.0
"""Reference outputs: weights and inputs as pure functions of a name and a shape, and comparison.

Two implementations with the same state-dict keys get the same weights, so no checkpoint has to be kept.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@dataclass(frozen=True)
class Golden:
    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]


def load(name: str) -> Golden:
    """Reference outputs of test/golden/<name>.npz."""
    with np.load(GOLDEN / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files if key != "meta"}
        return Golden(json.loads(str(file["meta"])), arrays)


def load_json(name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"{name}.json").read_text())


def image(label: str, shape: tuple[int, ...], lo: float = 0.0, hi: float = 1.0) -> np.ndarray:
    """Deterministic float32 planes in [lo, hi]: two cosines and 10% noise, seeded by the label."""
    rng = np.random.default_rng(zlib.crc32(f"input:{label}".encode()))
    height, width = shape[-2:]
    y, x = np.arange(height)[:, None] / height, np.arange(width)[None, :] / width
    planes = [_plane(rng, y, x) for _ in range(int(np.prod(shape[:-2])))]
    return (lo + (hi - lo) * np.clip(np.stack(planes), 0, 1)).reshape(shape).astype(np.float32)


def _plane(rng: np.random.Generator, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    cycles_y, cycles_x = rng.uniform(0.5, 4.0, 2)
    phase_y, phase_x = rng.uniform(0, 2 * np.pi, 2)
    waves = np.cos(2 * np.pi * cycles_y * y + phase_y) + np.cos(2 * np.pi * cycles_x * x + phase_x)
    return 0.45 + 0.225 * waves + 0.1 * (rng.random(waves.shape) - 0.5)


def sparse_mask(label: str, shape: tuple[int, ...]) -> np.ndarray:
    """Float32 0/1 mask that looks like scan lines: no return in the upper quarter, thinned by an image."""
    height, width = shape[-2:]
    y, x = np.arange(height)[:, None], np.arange(width)[None, :]
    lines = (y % 4 == 1) & (x % 3 == (y // 4) % 3) & (y >= height // 4)
    return (lines & (image(label, shape) > 0.35)).astype(np.float32)


def inputs(meta: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Input tensors by name, rebuilt from their description."""
    labels = {entry["name"]: entry["label"] for entry in meta["inputs"]}
    return {entry["name"]: torch.from_numpy(_input(entry, labels)) for entry in meta["inputs"]}


def _input(entry: dict[str, Any], labels: dict[str, str]) -> np.ndarray:
    shape = tuple(entry["shape"])
    if entry["name"] == "mask":
        return sparse_mask(entry["label"], shape)
    values = image(entry["label"], shape, entry["lo"], entry["hi"])
    if "rule" not in entry:
        return values
    named = re.search(r"mask label (\S+?),", entry["rule"])
    return values * sparse_mask(named.group(1) if named else labels["mask"], shape)


def weight(name: str, shape: tuple[int, ...], salt: str = "") -> np.ndarray:
    """Deterministic float32 values of the state-dict entry `name`."""
    rng = np.random.default_rng(zlib.crc32((salt + name).encode()))
    leaf = name.rpartition(".")[2]
    if leaf == "running_var" or (leaf == "weight" and len(shape) == 1):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    std = np.sqrt(2.0 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
    return (rng.standard_normal(shape) * std).astype(np.float32)


@torch.no_grad()
def fill(module: nn.Module, meta: dict[str, Any], *, scaled: bool = True) -> nn.Module:
    """Overwrite all weights in place; `scaled` also applies the factors that keep values sane."""
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.from_numpy(weight(name, tuple(value.shape), meta.get("salt", ""))))
            for pattern, factor in meta["post_scale"] if scaled else ():
                if re.fullmatch(pattern, name):
                    value.mul_(factor)
    return module


def keys(module: nn.Module) -> list[list[Any]]:
    """[key, shape, dtype] of every state-dict entry, in order."""
    state = module.state_dict()
    return [[key, list(value.shape), str(value.dtype).removeprefix("torch.")] for key, value in state.items()]


def error_of_peak(got: torch.Tensor | np.ndarray, want: np.ndarray) -> float:
    """Largest absolute difference over the largest magnitude of the reference."""
    got = np.asarray(got.detach() if isinstance(got, torch.Tensor) else got, np.float64)
    assert got.shape == want.shape, (got.shape, want.shape)
    return float(np.abs(got - want).max() / np.abs(want).max())
