# SPDX-License-Identifier: Apache-2.0
"""Photometric losses of self-supervised depth: SSIM, minimum reprojection, smoothness, depth hints, ManyDepth's terms.

DistDepth, MonoDepth2 (arXiv 1806.01260), DepthHints (arXiv 1909.09051) and ManyDepth (arXiv 2104.14540) differ only in
how the same maps are combined; where they disagree the choice is an argument. Everything is a pure function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from training.distributed import ALONE, Ranks, masked_mean
from training.losses.box_filter import window_mean

C1, C2 = (
    0.01**2,
    0.03**2,
)  # SSIM's constants for images of 0..1; depth in metres uses the same ones, as published
SSIM_SHARE = 0.85  # of the photometric error; the rest is the plain difference
TIE_BREAK = 1e-5  # noise on the identity candidates, so that equal ones do not always win
SMOOTHNESS = 1e-3  # weight at full resolution, halved with every scale
HARD_ERROR = 1000.0  # error of a hint where there is none: it never wins

Combination = Literal["minimum", "masked_mean", "sum"]


@dataclass(frozen=True)
class Reference:
    """An image with its local statistics, computed once for all comparisons with it.

    Variances are taken about `centre`, because for values far from 0, such as metres, the difference of two nearly
    equal squares would be lost in rounding.
    """

    image: Tensor  # (B,C,H,W)
    centre: Tensor | float  # (B,C,1,1) or 0
    centred: Tensor  # (B,C,H,W) image - centre
    mean: Tensor  # (B,C,H,W) of 3x3 windows of `centred`
    variance: Tensor  # (B,C,H,W)

    @classmethod
    def of(cls, image: Tensor, centre: Tensor | float = 0.0) -> Reference:
        """Compute the statistics of an image (B,C,H,W)."""
        centred = image if isinstance(centre, float) else image - centre
        mean = window_mean(centred)
        return cls(image, centre, centred, mean, window_mean(centred.square()) - mean.square())


def ssim_map(x: Tensor, reference: Reference | Tensor) -> Tensor:
    """Compute structural similarity (B,C,H,W) of each pixel, 3x3 windows, before any clamp: 1 = equal."""
    y = reference if isinstance(reference, Reference) else Reference.of(reference)
    own = Reference.of(x, y.centre)
    covariance = window_mean(own.centred * y.centred) - own.mean * y.mean
    mean_x, mean_y = own.mean + y.centre, y.mean + y.centre
    numerator = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    return numerator / ((mean_x.square() + mean_y.square() + C1) * (own.variance + y.variance + C2))


def ssim_loss_map(x: Tensor, reference: Reference | Tensor) -> Tensor:
    """Compute clamp((1 - SSIM) / 2, 0, 1), (B,C,H,W), the form all public codes use."""
    return torch.clamp((1 - ssim_map(x, reference)) / 2, 0, 1)


def photometric_map(prediction: Tensor, target: Reference | Tensor) -> Tensor:
    """Compute 0.85 SSIM loss + 0.15 absolute difference, both averaged over the channels, (B,1,H,W)."""
    reference = target if isinstance(target, Reference) else Reference.of(target)
    structure = ssim_loss_map(prediction, reference).mean(1, keepdim=True)
    difference = (reference.image - prediction).abs().mean(1, keepdim=True)
    return SSIM_SHARE * structure + (1 - SSIM_SHARE) * difference


def edge_aware_smoothness(disparity: Tensor, image: Tensor) -> Tensor:
    """Average gradients of the disparity, normalised by its mean, weighted down at gradients of the image; scalar.

    Args:
        disparity: (B,1,H,W) the network's sigmoid.
        image: (B,3,H,W) of the same size.
    """
    normal = disparity / (disparity.mean((2, 3), keepdim=True) + 1e-7)
    along_x = (normal[..., :, :-1] - normal[..., :, 1:]).abs()
    along_y = (normal[..., :-1, :] - normal[..., 1:, :]).abs()
    image_x = (image[..., :, :-1] - image[..., :, 1:]).abs().mean(1, keepdim=True)
    image_y = (image[..., :-1, :] - image[..., 1:, :]).abs().mean(1, keepdim=True)
    return (along_x * torch.exp(-image_x)).mean() + (along_y * torch.exp(-image_y)).mean()


@dataclass(frozen=True)
class Reprojected:
    """The photometric term of one scale."""

    loss: Tensor  # scalar
    warped_share: Tensor  # scalar: pixels that a warped view explains better than standing still would


def minimum_reprojection(
    warped: Sequence[Tensor],
    identity: Sequence[Tensor],
    combination: Combination = "minimum",
    ranks: Ranks = ALONE,
) -> Reprojected:
    """Combine the photometric maps (B,1,H,W) of all source views.

    Args:
        warped: maps of the warped sources, one per source view.
        identity: maps of the sources as they are, with noise already added (`with_tie_break`); empty = no auto-mask.
        combination: "minimum": per pixel over all maps, averaged over all pixels (MonoDepth2 and public DistDepth);
            "masked_mean": averaged over the pixels where a warped view wins (DepthHints, ManyDepth);
            "sum": the maps' means added up, no auto-mask (dissertation, equation 5.4).
        ranks: processes sharing the batch.
    """
    best = torch.cat(list(warped), 1).amin(1, keepdim=True)
    still = (
        torch.cat(list(identity), 1).amin(1, keepdim=True) if identity else torch.full_like(best, torch.inf)
    )
    wins = best < still
    share = wins.to(best.dtype).mean().detach()
    if combination == "sum":
        return Reprojected(torch.stack([view.mean() for view in warped]).sum(), share)
    if combination == "masked_mean":
        return Reprojected(masked_mean(best, wins, ranks, epsilon=1e-7), share)
    return Reprojected(torch.minimum(best, still).mean(), share)


def with_tie_break(identity: Tensor, noise: Tensor | None) -> Tensor:
    """Add standard normal `noise`, scaled to 1e-5, to an identity map; None returns it unchanged."""
    return identity if noise is None else identity + TIE_BREAK * noise


def depth_hint_terms(
    reprojection: Tensor,
    identity: Tensor,
    hint_error: Tensor,
    hint_m: Tensor,
    depth_m: Tensor,
    ranks: Ranks = ALONE,
) -> dict[str, Tensor]:
    """Compute DepthHints' term: the hint counts only where it explains the image better than prediction and identity.

    Args:
        reprojection: (B,1,H,W) minimum map of the warped sources.
        identity: (B,1,H,W) minimum map of the unwarped sources.
        hint_error: (B,1,H,W) photometric map of the view warped with the hint.
        hint_m: (B,1,H,W) depth of the hint, metres, 0 = none.
        depth_m: (B,1,H,W) prediction.
        ranks: processes sharing the batch.
    """
    valid = hint_m > 0
    hint_error = torch.where(valid, hint_error, hint_error + HARD_ERROR)
    winner = torch.cat((reprojection, identity, hint_error), 1).argmin(1, keepdim=True)
    hinted = (winner == 2) & valid
    distance = torch.log1p((hint_m - depth_m).abs())
    return {
        "photometric": masked_mean(reprojection, winner != 1, ranks, epsilon=1e-7),
        "hint": masked_mean(distance, hinted, ranks, epsilon=1e-7),
    }


def consistency_mask(confidence: Tensor, lowest_cost_m: Tensor, teacher_m: Tensor) -> Tensor:
    """Compute ManyDepth's mask (B,1,H,W) bool of where the cost volume can be trusted; elsewhere something moved.

    Args:
        confidence: (B,1,h,w) of the cost volume, resized here.
        lowest_cost_m: (B,1,h,w) depth of the cheapest bin, resized here.
        teacher_m: (B,1,H,W) depth of the single-frame teacher.
    """
    size = teacher_m.shape[-2:]
    confident = F.interpolate(confidence.to(teacher_m.dtype), size, mode="nearest") > 0
    matched = F.interpolate(lowest_cost_m, size, mode="nearest")
    farther, nearer = (matched - teacher_m) / teacher_m, (teacher_m - matched) / matched
    return confident & (torch.maximum(farther, nearer) < 1)


def multi_frame_terms(
    reprojection: Tensor,
    depth_m: Tensor,
    teacher_m: Tensor,
    trusted: Tensor,
    plain: Tensor,
    ranks: Ranks = ALONE,
) -> dict[str, Tensor]:
    """Compute ManyDepth's terms: photometric error where the cost volume is trusted, the teacher's depth elsewhere.

    Args:
        reprojection: (B,1,H,W) minimum map of the warped sources.
        depth_m: (B,1,H,W) depth of the multi-frame network.
        teacher_m: (B,1,H,W) depth of the teacher, which gets no gradient.
        trusted: (B,1,H,W) bool from `consistency_mask`.
        plain: (B,) bool: samples whose lookup frames and poses were not tampered with as augmentation.
        ranks: processes sharing the batch.
    """
    trusted = trusted & plain.reshape(-1, 1, 1, 1)
    return {
        "photometric": masked_mean(reprojection, trusted, ranks, epsilon=1e-7),
        "consistency": (torch.where(trusted, 0.0, 1.0) * (depth_m - teacher_m.detach()).abs()).mean(),
    }


def tampered(batch: int, generator: torch.Generator, share: float = 0.25) -> tuple[Tensor, Tensor]:
    """Draw ManyDepth's augmentation: samples with a still scene, and samples whose pose is withheld; (B,) bool each."""
    draw = torch.rand(batch, generator=generator)
    return draw < share, (draw >= share) & (draw < 2 * share)
