# SPDX-License-Identifier: Apache-2.0
"""Depth hints (arXiv 1909.09051): classical stereo matching, the best of twelve settings at each pixel."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from geo_perception._types import Array
from geo_perception._types import Image as Image8
from geo_perception.geometry.reprojection import synthesise_view
from training.losses.photometric import HARD_ERROR, photometric_map

DISPARITIES = (64, 96, 128, 160)
BLOCKS = (1, 2, 3)
SUBPIXEL = 16  # OpenCV's unit of disparity


def depth_hint(image: Image8, partner: Image8, focal_px: float, stereo_x_m: float) -> Array:
    """Compute (H,W) metres of the reference image, 0 where no setting found a match.

    Args:
        image: (H,W,3) RGB, rectified.
        partner: the other eye's image.
        focal_px: horizontal focal length.
        stereo_x_m: partner from reference: negative when the reference is the left image.
    """
    candidates = [depth for depth in match_all(image, partner, focal_px, stereo_x_m) if (depth > 0).any()]
    if not candidates:
        return np.zeros(image.shape[:2], np.float32)
    depths_m = torch.from_numpy(np.stack(candidates))[:, None]
    errors = view_errors(image, partner, depths_m, focal_px, stereo_x_m)
    best = torch.where(depths_m > 0, errors, HARD_ERROR).argmin(0, keepdim=True)
    return np.asarray(depths_m.gather(0, best)[0, 0])


def match_all(image: Image8, partner: Image8, focal_px: float, stereo_x_m: float) -> list[Array]:
    """Compute the depth (H,W) of every setting whose search range fits into the image."""
    right_handed = stereo_x_m > 0  # OpenCV searches to the left: a right image is mirrored first
    pair = [np.ascontiguousarray(i[:, ::-1]) if right_handed else i for i in (image, partner)]
    depths = []
    for disparities in (n for n in DISPARITIES if n < image.shape[1]):
        for block in BLOCKS:
            found = matcher(disparities, block).compute(*pair).astype(np.float32) / SUBPIXEL
            depth = np.divide(
                focal_px * abs(stereo_x_m), found, out=np.zeros_like(found), where=found > 0.5 / SUBPIXEL
            )
            depths.append(depth[:, ::-1] if right_handed else depth)
    return depths


def matcher(disparities: int, block: int) -> cv2.StereoSGBM:
    """OpenCV's semi-global matcher as published."""
    return cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=disparities,
        blockSize=block,
        P1=36,
        P2=288,
        preFilterCap=63,
        uniquenessRatio=10,
        speckleWindowSize=100,
        speckleRange=16,
    )


def view_errors(
    image: Image8, partner: Image8, depths_m: Tensor, focal_px: float, stereo_x_m: float
) -> Tensor:
    """Compute the (N,1,H,W) photometric error of the partner warped with each depth map (N,1,H,W)."""
    reference, other = (
        torch.from_numpy(i.copy()).permute(2, 0, 1)[None].float() / 255 for i in (image, partner)
    )
    count, size = len(depths_m), depths_m.shape[-2:]
    K = torch.eye(4)
    K[0, 0] = K[1, 1] = focal_px  # rectified: only the horizontal focal length matters
    K[0, 2], K[1, 2] = (size[1] - 1) / 2, (size[0] - 1) / 2
    pose = torch.eye(4)
    pose[0, 3] = stereo_x_m
    many = [m.expand(count, 4, 4) for m in (pose, K, torch.linalg.inv(K))]
    view = synthesise_view(other.expand(count, -1, -1, -1), depths_m, *many)
    return photometric_map(view, reference.expand(count, -1, -1, -1))
