# SPDX-License-Identifier: Apache-2.0
"""Losses of SCADC and SCADC-guided. Each returns one scalar or named scalars; recipes weigh them, once, in view."""

from __future__ import annotations

from math import exp

import torch
from torch import Tensor
from torch.nn import functional as F

from geo_perception.networks import ScadcOutput
from geo_perception.networks.scadc_guided import ScadcGuidedOutput


def masked_mse(pred: Tensor, target: Tensor) -> Tensor:
    """Average (target - pred)^2 over all pixels of the batch with target > 0; NaN if there is none."""
    valid = target > 0
    return (target[valid] - pred[valid]).square().mean()


def scadc_losses(
    output: ScadcOutput, target_m: Tensor, guidance: Tensor, *, masked_confidence: bool = True
) -> dict[str, Tensor]:
    """Compute equation 4.1 of the dissertation: a depth term per stage, and the confidence term; weights all 1.

    Args:
        output: output of the network.
        target_m: (B,1,H,W) depth, 0 = unknown.
        guidance: (B,1,H,W) guiding confidence M_g.
        masked_confidence: True is as published: pixels with M_g = 0 are ignored, so nothing lowers the confidence away
            from returns; False takes the mean over the whole image.
    """
    losses = {f"stage_{i}": masked_mse(stage, target_m) for i, stage in enumerate(output.stages, start=1)}
    confidence = output.lidar_confidence
    losses["confidence"] = (
        masked_mse(confidence, guidance) if masked_confidence else F.mse_loss(confidence, guidance)
    )
    return losses


def soft_guidance(true_return: Tensor, sigma_px: float = 3.0, radius_px: int = 8) -> Tensor:
    """Compute SCADC's guiding confidence with a wider reach, from returns known to lie on the visible surface.

    The published kernel ends one pixel from a return, less than half the gap between beams.

    Args:
        true_return: (B,1,H,W) 1 or 0.
        sigma_px: deviation of the Gaussian.
        radius_px: reach of the Gaussian.

    Returns:
        (B,1,H,W) in [0,1]: the largest exp(-r^2 / 2 sigma^2) over the returns at distance r; 0 beyond the radius.
    """
    columns = _decayed_max(true_return, sigma_px, radius_px, dim=3)
    return _decayed_max(columns, sigma_px, radius_px, dim=2)


def _decayed_max(values: Tensor, sigma_px: float, radius_px: int, dim: int) -> Tensor:
    # a Gaussian is separable, and so is its maximum over shifts
    best = values.clone()
    size = values.shape[dim]
    for shift in range(1, min(radius_px, size - 1) + 1):
        weight = exp(-(shift**2) / (2 * sigma_px**2))
        near, far = best.narrow(dim, 0, size - shift), best.narrow(dim, shift, size - shift)
        torch.maximum(near, weight * values.narrow(dim, shift, size - shift), out=near)
        torch.maximum(far, weight * values.narrow(dim, 0, size - shift), out=far)
    return best


def guided_losses(
    output: ScadcGuidedOutput, target_m: Tensor, guidance: Tensor, weight: Tensor, max_depth_m: float
) -> dict[str, Tensor]:
    """Compute SCADC-guided's terms: metric error (robust), relative error, sky, and confidence over the whole image.

    Args:
        output: output of the network.
        target_m: (B,1,H,W) depth, 0 = no surface (sky), where depth should be `max_depth_m`.
        guidance: (B,1,H,W) guiding confidence.
        weight: (B,1,H,W) of each pixel in the depth terms, see `training.losses.ground_truth_weight`.
        max_depth_m: depth of the sky.
    """
    surface, sky = (target_m > 0) & (target_m <= max_depth_m), target_m == 0
    pred, target = output.depth_m[surface], target_m[surface]
    share = weight[surface] / weight[surface].mean()
    huber = F.huber_loss(pred, target, delta=5.0, reduction="none") / 5
    to_limit = weight[sky] * (max_depth_m / output.depth_m[sky]).log().abs()
    return {
        "metric": (share * (huber + 0.5 * (pred - target).abs())).mean(),
        "relative": 5 * (share * (pred / target).log().abs()).mean(),
        "sky": 0.2 * to_limit.mean() if len(to_limit) else output.depth_m.sum() * 0,
        "confidence": F.mse_loss(output.lidar_confidence, guidance),
    }


def choice_loss(
    confidence: Tensor,
    stereo_m: Tensor,
    lidar_m: Tensor,
    target_m: Tensor,
    weight: Tensor,
    cap_m: float = 8.0,
) -> Tensor:
    """Compute the cross entropy of "the lidar is nearer to the truth", weighted by what the choice changes.

    A depth error reaches the confidence through a sigmoid that is flat where the confidence is near 0 or 1, which is
    where training starts; this term keeps its slope there.

    Args:
        confidence: (B,1,H,W) of the lidar, 0..1.
        stereo_m: (B,1,H,W) stereo depth, metres.
        lidar_m: (B,1,H,W) completed lidar depth, metres.
        target_m: (B,1,H,W) true depth, metres; pixels with 0 do not count.
        weight: (B,1,H,W) of each pixel.
        cap_m: largest difference of depths that the weighting takes into account, metres.
    """
    known = target_m > 0
    lidar_error, stereo_error = ((depth - target_m).abs()[known] for depth in (lidar_m, stereo_m))
    stake = torch.clamp((lidar_error - stereo_error).abs(), max=cap_m) * weight[known]
    chance = torch.where(lidar_error < stereo_error, confidence[known], 1 - confidence[known])
    return -(stake * chance.clamp(min=1e-7).log()).mean()
