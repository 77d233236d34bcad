# SPDX-License-Identifier: Apache-2.0
"""Reference outputs of the indoor depth training: arrays that may be stored with a stride, and their comparison."""

from __future__ import annotations

import numpy as np
import torch
from helpers.parity import GOLDEN

FOLDER = GOLDEN / "distdepth"


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def error(golden: dict[str, np.ndarray], name: str, value: torch.Tensor | np.ndarray) -> float:
    """Largest difference over the largest magnitude of the reference."""
    got = np.asarray(value.detach() if isinstance(value, torch.Tensor) else value, np.float64)
    if f"{name}__shape" in golden:
        assert tuple(golden[f"{name}__shape"]) == got.shape, (name, got.shape)
    if f"{name}__flat" in golden:
        want, got = golden[f"{name}__flat"], got.reshape(-1)[:: int(golden[f"{name}__stride"])]
    else:
        want = golden[name]
    assert want.shape == got.shape, (name, want.shape, got.shape)
    want = np.asarray(want, np.float64)
    return float(np.abs(want - got).max() / (np.abs(want).max() + 1e-12))
