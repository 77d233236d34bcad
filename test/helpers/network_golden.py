# SPDX-License-Identifier: Apache-2.0
"""Reference outputs of the indoor depth networks, and the factors that keep values of random weights sane."""

from __future__ import annotations

import numpy as np
import torch
from helpers.indoor_golden import FOLDER, error, load

__all__ = [
    "DAMPED_OUTPUTS",
    "FOLDER",
    "OTHER_MACHINE",
    "damped_blocks",
    "error",
    "load",
    "share_that_differs",
]

OTHER_MACHINE = 1e-4  # of the peak; 0 on the processor the reference was made on
DAMPED_OUTPUTS = (r"decoder\.1[0-3]\.conv\.weight", 0.5)  # the output convolutions of the depth decoder


def damped_blocks(layers: int) -> tuple[str, float]:
    """The scale of the last batch norm of every residual block, with its factor."""
    return rf"(.*\.)?layer\d+(\.\d+)*\.bn{2 if layers < 50 else 3}\.weight", 0.1


def share_that_differs(golden: dict[str, np.ndarray], name: str, value: torch.Tensor) -> float:
    """Share of the elements that are not equal up to rounding."""
    got = value.detach().numpy()
    want = golden[name]
    assert want.shape == got.shape, (want.shape, got.shape)
    return float(np.mean(~np.isclose(want, got, rtol=1e-5)))
