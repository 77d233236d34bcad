# SPDX-License-Identifier: Apache-2.0
"""Plane-sweep cost volume of ManyDepth (arXiv 2104.14540, section 3).

It tells how well each assumed depth explains the neighbouring frames, in features at a quarter of the image's size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from geo_perception.geometry.reprojection import project

BORDER = 2  # pixels next to the image's edge, in either view, that are not compared
EPSILON = 1e-7
NO_COST = 100.0  # stands for "never seen" in the search for the lowest cost


class CostVolume(NamedTuple):
    """D assumed depths for every pixel."""

    cost: Tensor  # (B,D,h,w) mean absolute feature difference; unseen depths get the pixel's highest cost
    missing: Tensor  # (B,D,h,w) 1 where no neighbour sees the point


def depth_bins(low_m: float, high_m: float, bins: int, binning: str) -> Tensor:
    """Compute (D,) ascending depths in metres, evenly spaced in depth ("linear") or in inverse depth ("inverse")."""
    if binning == "linear":
        depths = np.linspace(low_m, high_m, bins)
    else:
        depths = 1 / np.linspace(1 / high_m, 1 / low_m, bins)[::-1]
    return torch.from_numpy(depths.astype(np.float32))


@torch.no_grad()
def match_features(current: Tensor, lookups: Tensor, poses: Tensor, K: Tensor, points: Tensor) -> CostVolume:
    """Compute the cost of every assumed depth, averaged over the neighbours that see it.

    Args:
        current: (B,C,h,w) features of the current frame.
        lookups: (B,F,C,h,w) features of its neighbours.
        poses: (B,F,4,4) neighbour from current; all zero marks a missing neighbour.
        K: (B,4,4) intrinsics in pixels of the features.
        points: (B,D,4,h*w) every pixel's homogeneous point at every assumed depth, in the current camera.
    """
    per_item = [_match_item(*item) for item in zip(current, lookups, poses, K, points, strict=True)]
    costs = torch.stack(per_item)
    missing = (costs == 0).float()
    highest = costs.amax(1, keepdim=True)
    return CostVolume(torch.where(missing.bool(), highest, costs), missing)


def _match_item(current: Tensor, lookups: Tensor, poses: Tensor, K: Tensor, points: Tensor) -> Tensor:
    """Compute (D,h,w) costs of one item; 0 where no neighbour sees the point."""
    total = current.new_zeros(len(points), *current.shape[1:])
    seen = torch.zeros_like(total)
    for lookup, pose in zip(lookups, poses, strict=True):
        if pose.sum() == 0:
            continue
        cost = _cost(current, lookup, pose, K, points)
        total += cost
        seen += (cost > 0).float()
    return total / (seen + EPSILON)


def _cost(current: Tensor, lookup: Tensor, pose: Tensor, K: Tensor, points: Tensor) -> Tensor:
    """Compute the (D,h,w) mean absolute difference to the neighbour's features, 0 near borders and outside."""
    depths = len(points)
    height, width = current.shape[1:]
    grid = project(points, K[None], pose[None], (height, width)).reshape(depths, height, width, 2)
    warped = F.grid_sample(
        lookup.expand(depths, -1, -1, -1), grid, mode="bilinear", padding_mode="zeros", align_corners=True
    )
    return (warped - current).abs().mean(1) * _inside(grid, height, width)


def _inside(grid: Tensor, height: int, width: int) -> Tensor:
    """Compute a mask (D,h,w), 1 where both the pixel and its projection keep away from the border."""
    x = (grid[..., 0] / 2 + 0.5) * (width - 1)
    y = (grid[..., 1] / 2 + 0.5) * (height - 1)
    inside = (x >= BORDER) & (x <= width - BORDER) & (y >= BORDER) & (y <= height - BORDER)
    own = torch.zeros(height, width, dtype=torch.bool, device=grid.device)
    own[BORDER:-BORDER, BORDER:-BORDER] = True
    return (inside & own).float()


def confidence(volume: CostVolume) -> Tensor:
    """Compute a mask (B,h,w), 1 where every assumed depth was compared at a cost above 0."""
    return ((volume.cost * (1 - volume.missing)) > 0).all(1).float()


def lowest_cost_disparity(volume: CostVolume, bins_m: Tensor) -> Tensor:
    """Compute (B,h,w) inverse of the depth that matches best; that of the nearest bin where nothing was compared."""
    cost = torch.where(volume.cost == 0, NO_COST, volume.cost)
    return 1 / bins_m[cost.argmin(1)]
