# SPDX-License-Identifier: Apache-2.0
"""Guiding confidence of completed lidar depth, from the positions of the returns."""

from __future__ import annotations

from math import exp

import torch
from torch import Tensor
from torch.nn import functional as F

SIGMA_PX = 0.6  # of the unnormalised Gaussian: a quarter, not a half, at one pixel
CLIP_ABOVE = 1.0001  # the published code leaves values up to here untouched


def guiding_confidence(mask: Tensor) -> Tensor:
    """Compute M_g of the SCADC paper: (B,1,H,W) mask of returns (1 or 0) -> confidence (B,1,H,W) in [0, 1.0001].

    Every return spreads exp(-r^2 / 2 sigma^2) over its 3x3 neighbours; overlaps add up and are clipped to 1.
    """
    side = [exp(-(r * r) / (2 * SIGMA_PX**2)) for r in (-1, 0, 1)]
    kernel = torch.tensor([[a * b for a in side] for b in side], dtype=mask.dtype, device=mask.device)
    spread = F.conv2d(F.pad(mask, (1, 1, 1, 1), mode="reflect"), kernel[None, None])
    return torch.where(spread > CLIP_ABOVE, torch.ones_like(spread), spread)
