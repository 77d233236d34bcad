# SPDX-License-Identifier: Apache-2.0
"""Differentiable reprojection with a camera per sample: poses from axis-angle, points from depth, views from points.

Where `warp.inverse_warp` takes one `PinholeCamera` for the whole batch and blanks what leaves the image, training on
video needs intrinsics that differ from sample to sample and repeats the image's border, as MonoDepth2 and DistDepth do.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

EPSILON = 1e-7  # keeps the zero rotation and points in the camera's own plane finite


def transform_from_axis_angle(axis_angle: Tensor, translation_m: Tensor, *, invert: bool = False) -> Tensor:
    """Compute (B,4,4) rigid transforms from rotations and translations.

    Args:
        axis_angle: (B,1,3) or (B,3), radians times unit axis.
        translation_m: same shape, metres.
        invert: False gives Trans(t) R, True its inverse R^T Trans(-t).
    """
    rotation = rotation_from_axis_angle(axis_angle.reshape(-1, 3))
    translation = translation_m.reshape(-1, 3, 1)
    if invert:
        rotation = rotation.transpose(1, 2)
        translation = rotation @ -translation
    bottom = rotation.new_tensor((0.0, 0.0, 0.0, 1.0)).expand(len(rotation), 1, 4)
    return torch.cat((torch.cat((rotation, translation), dim=2), bottom), dim=1)


def rotation_from_axis_angle(axis_angle: Tensor) -> Tensor:
    """Compute (B,3) axis-angle -> (B,3,3) rotations by Rodrigues' formula, finite and differentiable at zero."""
    angle = axis_angle.norm(dim=1, keepdim=True)
    x, y, z = (axis_angle / (angle + EPSILON)).unbind(dim=1)
    cos, sin = angle.cos()[:, 0], angle.sin()[:, 0]
    rest = 1 - cos
    rows = (
        (x * x * rest + cos, x * y * rest - z * sin, z * x * rest + y * sin),
        (x * y * rest + z * sin, y * y * rest + cos, y * z * rest - x * sin),
        (z * x * rest - y * sin, y * z * rest + x * sin, z * z * rest + cos),
    )
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def backproject(depth_m: Tensor, inv_K: Tensor) -> Tensor:
    """Backproject (B,1,H,W) depth -> (B,4,H*W) homogeneous points X = depth K^-1 (u, v, 1), pixel centres at integers.

    Args:
        depth_m: (B,1,H,W) metres.
        inv_K: (B,4,4) inverse intrinsics in pixels of this size.
    """
    height, width = depth_m.shape[-2:]
    v, u = torch.meshgrid(
        torch.arange(height, dtype=depth_m.dtype, device=depth_m.device),
        torch.arange(width, dtype=depth_m.dtype, device=depth_m.device),
        indexing="ij",
    )
    pixels = torch.stack((u, v, torch.ones_like(u))).reshape(1, 3, -1)
    flat = depth_m.flatten(2)
    return torch.cat((flat * (inv_K[:, :3, :3] @ pixels), torch.ones_like(flat)), dim=1)


def project(points: Tensor, K: Tensor, target_from_source: Tensor, size: tuple[int, int]) -> Tensor:
    """Project (B,4,N) points -> (B,N,2) coordinates x, y: -1 at the first pixel's centre, 1 at the last one's.

    There is no test for points behind the camera, as published: they land mirrored, and the minimum over views
    and the identity mask have to reject them.

    Args:
        points: homogeneous, in the source frame.
        K: (B,4,4) intrinsics in pixels.
        target_from_source: (B,4,4).
        size: (height, width) of the target image.
    """
    height, width = size
    q = (K @ target_from_source)[:, :3] @ points
    xy = q[:, :2] / (q[:, 2:] + EPSILON)
    span = xy.new_tensor((width - 1, height - 1)).reshape(1, 2, 1)
    return ((xy / span - 0.5) * 2).transpose(1, 2)


def synthesise_view(
    source: Tensor,
    depth_m: Tensor,
    source_from_reference: Tensor,
    K: Tensor,
    inv_K: Tensor,
    *,
    align_corners: bool = False,
    padding: Literal["border", "zeros"] = "border",
) -> Tensor:
    """Synthesise the view of the reference camera, (B,C,H,W), from the source image.

    Args:
        source: (B,C,H,W).
        depth_m: (B,1,H,W) of the reference view, metres.
        source_from_reference: (B,4,4).
        K: (B,4,4) intrinsics of both views, pixels.
        inv_K: (B,4,4) their inverse.
        align_corners: False is what the published call does on a current PyTorch, up to half a pixel off towards
            the border; True is geometrically exact (ManyDepth).
        padding: "border" repeats the source's border outside of it, "zeros" is black there.
    """
    height, width = depth_m.shape[-2:]
    grid = project(backproject(depth_m, inv_K), K, source_from_reference, (height, width))
    return F.grid_sample(
        source,
        grid.reshape(-1, height, width, 2),
        mode="bilinear",
        padding_mode=padding,
        align_corners=align_corners,
    )
