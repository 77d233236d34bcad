# SPDX-License-Identifier: Apache-2.0
"""Intrinsics as shares of the image's size, which resizing for training does not change."""

from __future__ import annotations

from dataclasses import dataclass

from geo_perception.geometry import PinholeCamera


@dataclass(frozen=True)
class NormalizedIntrinsics:
    """Focal lengths and principal point as shares of the image's width and height."""

    fx: float
    fy: float
    cx: float = 0.5
    cy: float = 0.5


def shares_of(camera: PinholeCamera) -> NormalizedIntrinsics:
    """Convert a camera with pixel centres at integers to shares of the image, edges at 0 and 1."""
    focal = camera.fx / camera.width, camera.fy / camera.height
    return NormalizedIntrinsics(*focal, (camera.cx + 0.5) / camera.width, (camera.cy + 0.5) / camera.height)


def from_shares(shares: NormalizedIntrinsics, width: int, height: int) -> PinholeCamera:
    """Convert shares of the image, edges at 0 and 1, to a camera with pixel centres at integers."""
    centre = shares.cx * width - 0.5, shares.cy * height - 0.5
    return PinholeCamera(shares.fx * width, shares.fy * height, *centre, width, height)
