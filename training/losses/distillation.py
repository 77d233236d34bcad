# SPDX-License-Identifier: Apache-2.0
"""Structure distillation: edges and surfaces of an expert's relative depth, aligned to the student's.

The dissertation (chapter 5) and the public code disagree on most details; each is an option here, and the two presets
`THESIS` and `PUBLIC_2024` collect them. The public code changed eight times; its last form is the preset.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from geo_perception.errors import ConfigError
from training.distributed import ALONE, Ranks, masked_mean
from training.losses.photometric import Reference, ssim_loss_map, ssim_map
from training.options import WEIGHT, Range

Alignment = Literal["row_mean", "sample", "median", "inverse"]
FARTHEST_M = 20.0  # of targets aligned as inverse depth, which would otherwise reach infinity and beyond
FLAT = 1e-5  # relative deviation below which values count as constant: float32 holds no more


@dataclass(frozen=True)
class Distillation:
    """Options where dissertation and public code disagree; defaults are the public code of 2024-03-20."""

    weight: Annotated[float, WEIGHT] = 0.05  # of the whole term; dissertation 0.1; public 1.0 until 2024-02
    # of the spatial beside the statistical term; dissertation 0.1; public 0.001, then 0.1, then 0.02
    spatial_weight: Annotated[float, WEIGHT] = 0.02
    # "row_mean": a fit per image row, averaged over all rows of the batch (public since 2024-01)
    # "sample": one least-squares fit per image (dissertation); "median": the medians' ratio (public before)
    # A line fitted to a student that sees little shows less still, and both go flat together. "inverse": median and
    # mean deviation of inverse depth, in which experts of unknown scale and shift are right (MiDaS, arXiv 1907.01341),
    # are made equal in each image
    alignment: Alignment = "row_mean"
    # relative depth = 1 / (expert + offset); 1e-6 until 2023-07, 451.8 suits the NYU-tuned expert
    offset: Annotated[float, Range(0, 1e6, above=True)] = 1.0
    # "half": clamp((1 - SSIM)/2, 0, 1) (public); "full": 1 - SSIM (dissertation); both like maps that are flat, which a
    # target that follows the student becomes with it. "normalised": inverse depths, each less its median and over its
    # mean deviation, compared without a target (MiDaS)
    statistic: Literal["half", "full", "normalised"] = "half"
    aligned_statistic: bool = True  # False: the expert's relative depth as it is (public until 2024-01)
    # "huber": predicted edges pulled up at the target's edges alone (public); "difference": softsign of both maps
    # compared everywhere, the differentiable form of the dissertation's normalised XOR
    spatial: Literal["huber", "difference"] = "huber"
    quantile: Annotated[float, Range(0, 1, above=True, below=True)] = 0.95  # edges are the gradients above it
    prediction_bar: Literal["batch", "sample"] = "batch"  # whose quantile; dissertation: each map its own
    unit_gradients: bool = True  # gradient maps divided by their norm (public); dissertation: not mentioned
    # cut off before the quantile (public); dissertation: not mentioned
    border_px: Annotated[int, Range(0, 1000)] = 5
    huber_delta: Annotated[float, Range(0, 1e6, above=True)] = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.quantile < 1:
            raise ConfigError(f"distillation quantile must lie between 0 and 1, got {self.quantile}")


PUBLIC_2024 = Distillation()
THESIS = Distillation(
    weight=0.1,
    spatial_weight=0.1,
    alignment="sample",
    statistic="full",
    spatial="difference",
    prediction_bar="sample",
    unit_gradients=False,
    border_px=0,
)
PRESETS = {"public_2024": PUBLIC_2024, "thesis": THESIS}


def distillation_terms(
    expert: Tensor, depth_m: Tensor, options: Distillation = PUBLIC_2024, ranks: Ranks = ALONE
) -> dict[str, Tensor]:
    """Compute the weighted terms: statistical and, where it has a weight, spatial.

    Args:
        expert: (B,1,H,W) the expert's output, larger = nearer, any scale and shift.
        depth_m: (B,1,H,W) the student's depth at full resolution; gradients reach it through both terms, but not
            through the alignment or the thresholds.
        options: variant of the terms.
        ranks: processes sharing the batch.
    """
    if options.statistic == "normalised":
        terms = {"statistical": options.weight * apart(expert, depth_m)}
        if not options.spatial_weight:
            return terms  # without a need for the target
    target = target_for(expert, depth_m.detach(), options, ranks)
    if options.statistic != "normalised":
        surface = target if options.aligned_statistic else 1 / (expert + options.offset)
        terms = {"statistical": options.weight * statistical(surface, depth_m, options.statistic)}
    if options.spatial_weight:
        edges = spatial(target, depth_m, options, ranks)
        terms["spatial"] = options.weight * options.spatial_weight * edges
    return terms


def apart(expert: Tensor, depth_m: Tensor) -> Tensor:
    """Average the absolute difference of both inverse depths, free of scale and shift (MiDaS, arXiv 1907.01341)."""
    return (normalised(expert) - normalised(1 / depth_m)).abs().mean()


def target_for(expert: Tensor, depth_m: Tensor, options: Distillation, ranks: Ranks = ALONE) -> Tensor:
    """Convert the expert's (B,1,H,W) map to depth like the student's, without gradients."""
    if options.alignment == "inverse":
        return 1 / moved(expert, 1 / depth_m).clamp(min=1 / FARTHEST_M)
    return align(1 / (expert + options.offset), depth_m, options.alignment, ranks).detach()


def align(
    relative: Tensor,
    depth_m: Tensor,
    mode: Literal["row_mean", "sample", "median"],
    ranks: Ranks = ALONE,
) -> Tensor:
    """Align the expert's relative depth (B,1,H,W) to the scale of `depth_m`; see `moved` for inverse depth."""
    if mode == "median":
        return relative * _median(depth_m) / _median(relative)
    if mode == "sample":
        return fitted(relative, depth_m)
    assert mode == "row_mean", mode
    scale, shift = (_mean_of_known(value, ranks) for value in line_fit(relative, depth_m))
    return scale * relative + shift


def fitted(values: Tensor, wanted: Tensor) -> Tensor:
    """Fit a line from (B,1,H,W) values to the wanted ones of each image, and evaluate it at those values."""
    scale, shift = line_fit(values.flatten(2), wanted.flatten(2))
    flat = torch.isnan(scale)  # a constant map of the expert: only the mean can be fitted
    scale, shift = torch.where(flat, 0.0, scale), torch.where(flat, wanted.mean((2, 3)), shift)
    return scale[..., None, None] * values + shift[..., None, None]


def line_fit(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Fit y = scale x + shift by least squares along the last axis; NaN where x is nearly constant."""
    mean_x, mean_y = x.mean(-1, keepdim=True), y.mean(-1, keepdim=True)
    centred = x - mean_x
    variance = centred.square().sum(-1)
    varied = variance > x.shape[-1] * (FLAT * mean_x[..., 0]).square()
    scale = (centred * (y - mean_y)).sum(-1) / torch.where(varied, variance, torch.nan)
    return scale, mean_y[..., 0] - scale * mean_x[..., 0]


def _mean_of_known(values: Tensor, ranks: Ranks) -> Tensor:
    known = torch.isfinite(values)
    total = ranks.sum(torch.where(known, values, torch.zeros_like(values)).sum())
    return total / ranks.sum(known.sum()).clamp(min=1)


def _median(values: Tensor) -> Tensor:
    return values.flatten(1).median(1).values.reshape(-1, 1, 1, 1)


def statistical(target_m: Tensor, depth_m: Tensor, form: Literal["half", "full"] = "half") -> Tensor:
    """Compute the scalar dissimilarity of local means, variances and structure of two depth maps (B,1,H,W)."""
    target = Reference.of(target_m, target_m.mean((2, 3), keepdim=True))
    if form == "full":
        return (1 - ssim_map(depth_m, target)).mean()
    return ssim_loss_map(depth_m, target).mean()


def normalised(values: Tensor) -> Tensor:
    """Subtract each image's median from (B,1,H,W) and divide by the mean deviation from it: free of scale and shift.

    Gradients pass through the median, too: with it held fixed, all maps would drift to one end of the range.
    """
    return normalised_where(torch.ones_like(values, dtype=torch.bool), values)


def normalised_where(known: Tensor, values: Tensor) -> Tensor:
    """Normalise as `normalised` does, by the known pixels (B,1,H,W) of each image; images without any are unchanged."""
    count = known.sum((1, 2, 3), keepdim=True)
    seen = torch.where(known, values, torch.nan).flatten(1)
    median = torch.where(count > 0, seen.nanmedian(1).values.reshape(-1, 1, 1, 1), 0.0)
    off = values - median
    spread = torch.where(known, off.abs(), 0.0).sum((1, 2, 3), keepdim=True) / count.clamp(min=1)
    return off / torch.where(count > 0, spread.clamp(min=1e-6), 1.0)


def moved(values: Tensor, wanted: Tensor) -> Tensor:
    """Give (B,1,H,W) values the median and the mean deviation from it that the wanted ones have in each image."""
    return normalised(values) * _spread(wanted) + _median(wanted)


def _spread(values: Tensor) -> Tensor:
    return (values - _median(values)).abs().mean((1, 2, 3), keepdim=True)


def spatial(target_m: Tensor, depth_m: Tensor, options: Distillation, ranks: Ranks = ALONE) -> Tensor:
    """Compute the scalar disagreement of the depth's edges with the target's edges."""
    wanted, got = (edge_strength(depth, options) for depth in (target_m, depth_m))
    wanted_bar = _quantile(wanted, options.quantile)
    if options.prediction_bar == "sample":
        got_bar = _quantile(got.detach(), options.quantile)
    else:
        got_bar = _quantile(ranks.gather(got)[None], options.quantile)
    excess = F.softsign(got - got_bar)
    if options.spatial == "difference":
        return (F.softsign(wanted - wanted_bar) - excess).abs().mean() / 2
    error = F.huber_loss(excess, torch.ones_like(excess), delta=options.huber_delta, reduction="none")
    return masked_mean(error, wanted > wanted_bar, ranks)


def edge_strength(depth_m: Tensor, options: Distillation = PUBLIC_2024) -> Tensor:
    """Compute the Sobel magnitude (B,1,h,w) without the border, divided by its norm if configured."""
    gradient_x, gradient_y = sobel(depth_m)
    magnitude = torch.sqrt(gradient_x.square() + gradient_y.square() + 1e-6)
    if options.unit_gradients:
        magnitude = F.normalize(magnitude.flatten(1), eps=1e-12).reshape(magnitude.shape)
    border = options.border_px
    return magnitude[..., border:-border, border:-border] if border else magnitude


def sobel(depth_m: Tensor) -> tuple[Tensor, Tensor]:
    """Compute derivatives along x and y of (B,1,H,W), kernels [-1 0 1; -2 0 2; -1 0 1] / 8, border repeated."""
    along_x = depth_m.new_tensor(((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))) / 8
    kernels = torch.stack((along_x, along_x.T))[:, None]
    both = F.conv2d(F.pad(depth_m, (1, 1, 1, 1), mode="replicate"), kernels)
    return both[:, :1], both[:, 1:]


def _quantile(values: Tensor, share: float) -> Tensor:
    """Compute the quantile (B,1,1,1) of each item, interpolated linearly, sorting only the few values above it."""
    flat = values.flatten(1)
    rank = share * (flat.shape[1] - 1)
    below = min(math.floor(rank), flat.shape[1] - 2)
    highest = torch.topk(flat, flat.shape[1] - below, dim=1).values
    return torch.lerp(highest[:, -1], highest[:, -2], rank - below).reshape(-1, 1, 1, 1)
