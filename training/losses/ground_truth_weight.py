# SPDX-License-Identifier: Apache-2.0
"""Weights of rendered ground truth that imitate the coverage of ground truth recorded on real streets."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

FOCAL_BASELINE = 384.0  # px m, turns depth into the disparity that the limits below are given in
SKY_M = 500.0  # stands for "no surface"
STEP = (1.0, 0.05)  # px and share of the disparity by which neighbours must differ to be two surfaces
BEHIND = (0.7, 0.04)  # px and share by which a pixel must lie behind that edge to count as the farther one


def truth_weight(target_m: Tensor, reach_px: tuple[int, int] = (5, 7), share: float = 0.1) -> Tensor:
    """Weight each pixel, (B,1,H,W): 1, and `share` where a nearer surface begins within `reach_px`.

    Ground truth recorded on streets ends some pixels before every nearer surface, because sweeps of other moments do
    not agree there, yet covers that surface up to its edge. Rendered truth covers both. At full weight the pixels just
    behind an edge, where matching and completion both let the nearer surface grow, teach a network to distrust
    whichever estimate is nearer; on real frames it then errs everywhere else.

    Args:
        target_m: (B,1,H,W) metres, 0 = no surface.
        reach_px: distance to a nearer surface, (rows, columns).
        share: weight of pixels within that distance.
    """
    nearness = FOCAL_BASELINE / torch.where(target_m > 0, target_m, SKY_M)
    rows, columns = reach_px
    edge = _nearer_sides(nearness)
    ahead = F.max_pool2d(edge, (2 * rows + 1, 2 * columns + 1), stride=1, padding=(rows, columns)) - nearness
    return torch.where(ahead > torch.clamp(BEHIND[1] * nearness, min=BEHIND[0]), share, 1.0)


def _nearer_sides(nearness: Tensor) -> Tensor:
    """Compute, at both pixels of every step in depth, the disparity of the nearer one; 0 elsewhere."""
    edges = torch.zeros_like(nearness)
    for dim in (2, 3):
        size = nearness.shape[dim] - 1
        one, other = nearness.narrow(dim, 0, size), nearness.narrow(dim, 1, size)
        near, far = torch.maximum(one, other), torch.minimum(one, other)
        step = torch.where(near - far > torch.clamp(STEP[1] * far, min=STEP[0]), near, 0.0)
        for start in (0, 1):
            side = edges.narrow(dim, start, size)
            torch.maximum(side, step, out=side)
    return edges
