# SPDX-License-Identifier: Apache-2.0
"""Losses of SCADC, SCADC-guided, PSMNet and SSDC as pure functions that return one scalar or named scalars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import exp

import torch
from torch import Tensor
from torch.nn import functional as F

from geo_perception.geometry.camera import PinholeCamera
from geo_perception.geometry.warp import inverse_warp
from geo_perception.networks import ScadcOutput
from geo_perception.networks.scadc_guided import ScadcGuidedOutput

PSMNET_WEIGHTS = (0.5, 0.7, 1.0)  # of the three hourglass outputs, arXiv 1803.08669 section 4
PHOTOMETRIC_SCALES = 5  # 1/2 ... 1/32; full resolution is not used


def masked_mse(pred: Tensor, target: Tensor) -> Tensor:
    """Average (target - pred)^2 over all pixels of the batch with target > 0; NaN if there is none."""
    valid = target > 0
    return (target[valid] - pred[valid]).square().mean()


def masked_l1(pred: Tensor, target: Tensor) -> Tensor:
    """Average |target - pred| over all pixels of the batch with target > 0; NaN if there is none."""
    valid = target > 0
    return (target[valid] - pred[valid]).abs().mean()


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


def psmnet_loss(predictions: Tensor | Sequence[Tensor], target_px: Tensor, mask: Tensor) -> Tensor:
    """Compute smooth L1 over `mask`, weighted 0.5 / 0.7 / 1.0 for the three outputs; unweighted for a single one.

    Args:
        predictions: (B,H,W) disparity in pixels, one or several.
        target_px: (B,H,W) disparity in pixels.
        mask: (B,H,W); Scene Flow masks target < maxdisp, KITTI target > 0.
    """
    if isinstance(predictions, Tensor):
        return F.smooth_l1_loss(predictions[mask], target_px[mask])
    terms = [F.smooth_l1_loss(pred[mask], target_px[mask]) for pred in predictions]
    return torch.stack([w * term for w, term in zip(PSMNET_WEIGHTS, terms, strict=True)]).sum()


def smoothness(depth_m: Tensor) -> Tensor:
    """Average the absolute second differences along x and along y over interior pixels of (B,1,H,W), as in SSDC."""
    centre = 2 * depth_m[:, :, 1:-1, 1:-1]
    along_x = centre - depth_m[:, :, 1:-1, :-2] - depth_m[:, :, 1:-1, 2:]
    along_y = centre - depth_m[:, :, :-2, 1:-1] - depth_m[:, :, 2:, 1:-1]
    return (along_x.abs() + along_y.abs()).mean()


def photometric(current: Tensor, warped: Tensor, mask: Tensor | None = None) -> Tensor:
    """Average the colour difference, summed over channels, over visible pixels; 0 if there are none.

    A pixel counts if both colours are not black and the mask, if given, is 1.

    Args:
        current: (B,C,H,W).
        warped: (B,C,H,W).
        mask: (B,1,H,W), or None.
    """
    seen = (current.sum(1) > 0) & (warped.sum(1) > 0)
    if mask is not None:
        seen = seen & (mask[:, 0] >= 1)
    if not seen.any():
        return current.new_zeros(())
    return (current - warped).abs().sum(1)[seen].mean()


def photometric_pyramid(
    depth_m: Tensor,
    images: tuple[Tensor, Tensor],
    near_from_current: tuple[Tensor, Tensor],
    camera: PinholeCamera,
    mask: Tensor,
    *,
    align_corners: bool = True,
) -> list[Tensor]:
    """Compute SSDC's photometric term at 1/32, 1/16, 1/8, 1/4 and 1/2 of the size, coarse to fine.

    Args:
        depth_m: (B,1,H,W) metres.
        images: current and neighbour (B,C,H,W).
        near_from_current: as in `inverse_warp`.
        camera: as in `inverse_warp`.
        mask: (B,1,H,W) 1 where the depth has no label. A coarse pixel counts only if its whole cell has none.
        align_corners: as in `inverse_warp`.
    """
    current, near = images
    terms = []
    for _ in range(PHOTOMETRIC_SCALES):
        depth_m, current, near, mask = (F.avg_pool2d(x, 2) for x in (depth_m, current, near, mask))
        scaled = _rescale(camera, width=depth_m.shape[-1], height=depth_m.shape[-2])
        warped = inverse_warp(near, depth_m, near_from_current, scaled, align_corners=align_corners)
        terms.append(photometric(current, warped, mask))
    return terms[::-1]


def weigh_photometric(terms: Sequence[Tensor]) -> Tensor:
    """Sum the pyramid's terms with weights 1/32 (coarsest) ... 1/2 (finest)."""
    scales = len(terms)
    return torch.stack([2.0 ** (s - scales) * term for s, term in enumerate(terms)]).sum()


def _rescale(camera: PinholeCamera, width: int, height: int) -> PinholeCamera:
    """Multiply focal length and principal point by the same factor, as published (not half-pixel exact)."""
    sx, sy = width / camera.width, height / camera.height
    return replace(
        camera,
        fx=camera.fx * sx,
        fy=camera.fy * sy,
        cx=camera.cx * sx,
        cy=camera.cy * sy,
        width=width,
        height=height,
    )


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
