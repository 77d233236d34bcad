# SPDX-License-Identifier: Apache-2.0
"""Losses against true depth where it is known."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from training.distributed import ALONE, Ranks, masked_mean
from training.losses.distillation import normalised_where


class SupervisedOptions(Protocol):
    """Kind and weights of the terms; 0 = off."""

    @property
    def supervised(self) -> Literal["log", "mse"]: ...
    @property
    def gradient(self) -> float: ...
    @property
    def shape(self) -> float: ...
    @property
    def inverse(self) -> float: ...


def supervised_terms(
    depths_m: list[Tensor], truth_m: Tensor, options: SupervisedOptions, ranks: Ranks = ALONE
) -> dict[str, Tensor]:
    """Named, weighted distances to the true depth where it is known.

    Args:
        depths_m: (B,1,H,W) a scale; the first term is averaged over all of them, the others are of the first.
        truth_m: (B,1,H,W), 0 = unknown.
        options: kind and weights of the terms.
        ranks: processes sharing the batch.
    """
    known = truth_m > 0
    if options.supervised == "mse":
        errors = [masked_mean((depth_m - truth_m).square(), known, ranks) for depth_m in depths_m]
        return {"supervised": torch.stack(errors).mean()}
    log_truth = torch.where(known, truth_m, torch.ones_like(truth_m)).log()
    gaps = [depth_m.log() - log_truth for depth_m in depths_m]
    terms = {"supervised": torch.stack([masked_mean(gap.abs(), known, ranks) for gap in gaps]).mean()}
    if options.shape:
        terms["shape"] = options.shape * scale_free_error(gaps[0], known, ranks)
    if options.inverse:
        terms["inverse"] = options.inverse * inverse_difference(depths_m[0], truth_m, known, ranks)
    if options.gradient:
        terms["gradient"] = options.gradient * gradient_difference(gaps[0], known, ranks)
    return terms


def scale_free_error(gap: Tensor, known: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """Mean absolute (B,1,H,W) log error, each image's mean taken off first (scale-invariant, arXiv 1406.2283)."""
    count = known.sum((1, 2, 3), keepdim=True).clamp(min=1)
    mean = torch.where(known, gap, torch.zeros_like(gap)).sum((1, 2, 3), keepdim=True) / count
    return masked_mean((gap - mean).abs(), known, ranks)


def inverse_difference(depth_m: Tensor, truth_m: Tensor, known: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """Mean absolute difference of (B,1,H,W) inverse depths, each free of scale and shift over what is known."""
    safe_m = torch.where(known, truth_m, torch.ones_like(truth_m))
    got, want = (normalised_where(known, 1 / values) for values in (depth_m, safe_m))
    return masked_mean((got - want).abs(), known, ranks)


def gradient_difference(gap: Tensor, known: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """Mean absolute difference between neighbours of (B,1,H,W), at 1, 1/2, 1/4 and 1/8 (as MiDaS, arXiv 1907.01341)."""
    terms = []
    for step in (1, 2, 4, 8):
        part, mask = gap[..., ::step, ::step], known[..., ::step, ::step]
        for dim in (2, 3):
            size = part.shape[dim] - 1
            change = part.narrow(dim, 1, size) - part.narrow(dim, 0, size)
            both = mask.narrow(dim, 1, size) & mask.narrow(dim, 0, size)
            terms.append(masked_mean(change.abs(), both, ranks))
    return torch.stack(terms).sum() / 4
