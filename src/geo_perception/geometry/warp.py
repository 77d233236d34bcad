# SPDX-License-Identifier: Apache-2.0
"""Differentiable view synthesis: a neighbour's image warped to the current camera."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from geo_perception.geometry.camera import PinholeCamera

MIN_DEPTH_M = 1e-3  # points behind the neighbour's camera are moved here and fall outside its image
OUTSIDE = 2.0  # normalised coordinate that bilinear sampling turns into zero


def inverse_warp(
    near: Tensor,
    depth_m: Tensor,
    near_from_current: tuple[Tensor, Tensor],
    camera: PinholeCamera,
    *,
    align_corners: bool = True,
) -> Tensor:
    """Sample `near` (B,C,H,W) where each pixel of the current view lands; zero outside the neighbour's image.

    Args:
        near: (B,C,H,W) image or features of the neighbour.
        depth_m: (B,1,H,W) depth of the current view, metres.
        near_from_current: rotation (B,3,3) and translation (B,3) in metres, X_near = R X + t.
        camera: intrinsics of both views.
        align_corners: True is geometrically exact; False reproduces what the published SSDC code does on a current
            PyTorch.
    """
    rotation, translation = near_from_current
    points = _unproject(depth_m, camera) @ rotation.transpose(1, 2) + translation[:, None, :]
    z = points[..., 2].clamp(min=MIN_DEPTH_M)
    u = camera.fx * points[..., 0] / z + camera.cx
    v = camera.fy * points[..., 1] / z + camera.cy
    height, width = depth_m.shape[-2:]
    grid = torch.stack((2 * u / (width - 1) - 1, 2 * v / (height - 1) - 1), dim=-1)
    grid = torch.where(grid.abs() > 1, torch.full_like(grid, OUTSIDE), grid)
    grid = grid.reshape(-1, height, width, 2)
    return F.grid_sample(near, grid, mode="bilinear", padding_mode="zeros", align_corners=align_corners)


def _unproject(depth_m: Tensor, camera: PinholeCamera) -> Tensor:
    """Backproject (B,1,H,W) depth -> (B,H*W,3) points of the current camera."""
    height, width = depth_m.shape[-2:]
    u = (torch.arange(width, dtype=depth_m.dtype, device=depth_m.device) - camera.cx) / camera.fx
    v = (torch.arange(height, dtype=depth_m.dtype, device=depth_m.device) - camera.cy) / camera.fy
    z = depth_m[:, 0]
    return torch.stack((z * u, z * v[:, None], z), dim=-1).flatten(1, 2)
