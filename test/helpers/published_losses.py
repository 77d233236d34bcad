# SPDX-License-Identifier: Apache-2.0
"""Targets and losses of the published trainings that no recipe uses: yardsticks for gradients."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

import torch
from torch import Tensor
from torch.nn import functional as F

SIGMA_PX = 0.6  # of the unnormalised Gaussian: a quarter, not a half, at one pixel
CLIP_ABOVE = 1.0001  # the published code leaves values up to here untouched
PSMNET_WEIGHTS = (0.5, 0.7, 1.0)  # of the three hourglass outputs, arXiv 1803.08669 section 4


def guiding_confidence(mask: Tensor) -> Tensor:
    """Compute M_g of the SCADC paper: (B,1,H,W) mask of returns (1 or 0) -> confidence (B,1,H,W) in [0, 1.0001].

    Every return spreads exp(-r^2 / 2 sigma^2) over its 3x3 neighbours; overlaps add up and are clipped to 1.
    """
    side = [exp(-(r * r) / (2 * SIGMA_PX**2)) for r in (-1, 0, 1)]
    kernel = torch.tensor([[a * b for a in side] for b in side], dtype=mask.dtype, device=mask.device)
    spread = F.conv2d(F.pad(mask, (1, 1, 1, 1), mode="reflect"), kernel[None, None])
    return torch.where(spread > CLIP_ABOVE, torch.ones_like(spread), spread)


def psmnet_loss(predictions: Tensor | Sequence[Tensor], target_px: Tensor, mask: Tensor) -> Tensor:
    """Smooth L1 over `mask`, weighted 0.5 / 0.7 / 1.0 for the three outputs; plain for a single one.

    predictions, target_px, mask: (B,H,W); disparity in pixels. Scene Flow masks target < maxdisp, KITTI
    target > 0.
    """
    if isinstance(predictions, Tensor):
        return F.smooth_l1_loss(predictions[mask], target_px[mask])
    terms = [F.smooth_l1_loss(pred[mask], target_px[mask]) for pred in predictions]
    return torch.stack([w * term for w, term in zip(PSMNET_WEIGHTS, terms, strict=True)]).sum()
