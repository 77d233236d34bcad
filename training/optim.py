# SPDX-License-Identifier: Apache-2.0
"""Steps that recipes share beside their own optimiser."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import torch
from torch import nn

N = TypeVar("N", bound=nn.Module)


def cosine_with_warmup(step: int, steps: int, rise: int, floor: float = 0.0) -> float:
    """Share of the peak learning rate: linear rise over `rise` steps, then half a cosine down to `floor`."""
    if step < rise:
        return (step + 1) / rise
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def freeze_norms(network: nn.Module) -> None:
    """Let batch norms, until the next `train()`, use the statistics they have and not touch them."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def channels_last(network: N) -> N:
    """Lay out the weights of 2D convolutions as the processor's kernels want them; returns the network."""
    layout: dict[str, Any] = {"memory_format": torch.channels_last}  # PyTorch's annotations leave it out
    return network.to(**layout)
