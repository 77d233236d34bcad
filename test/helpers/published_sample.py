# SPDX-License-Identifier: Apache-2.0
"""Samples as the published loaders make them: pyramids, intrinsics per scale, stereo transform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geo_perception._types import Array
from geo_perception._types import Image as Image8
from geo_perception.datasets.rgbd.set_names import STEREO
from geo_perception.datasets.rgbd.training_lists import IndoorSet, NormalizedIntrinsics

PUBLISHED_BASELINE = 0.1  # unit of length of networks whose stereo baseline is taken as 0.1 whatever it is


@dataclass(frozen=True)
class Sample:
    """Images and cameras of one reference frame."""

    colour: Mapping[tuple[str, int], Image8]  # (frame, scale) -> (H/2^s, W/2^s, 3) RGB
    K: Sequence[Array]  # per scale 4x4, pixels
    K_inverse: Sequence[Array]
    stereo_transform: Array | None  # 4x4, partner from reference
    depth_m: Array | None  # (H,W) at native size, 0 = unknown


def read_sample(
    indoor: IndoorSet,
    position: int,
    size: tuple[int, int],
    frames: Sequence[str] = ("0",),
    scales: int = 4,
    *,
    mirror: bool = False,
    baseline_m: float = PUBLISHED_BASELINE,
    with_depth: bool = True,
) -> Sample:
    """Read sample number `position` at (height, width), without photographic augmentation.

    The principal point is not mirrored with the image, as published; see `LoaderOptions` for the exact form.
    """
    entry = indoor.entries[position]
    colour = {}
    for frame in frames:
        image = indoor.image(entry, frame)
        levels = pyramid(image[:, ::-1] if mirror else image, size, scales)
        colour.update({(frame, scale): level for scale, level in enumerate(levels)})
    intrinsics, _ = indoor.camera(entry)
    cameras = [intrinsic_matrices(intrinsics, (size[0] >> s, size[1] >> s)) for s in range(scales)]
    sign = indoor.side(entry) * (-1 if mirror else 1)
    depth_m = indoor.depth(entry) if with_depth else None
    return Sample(
        colour,
        [K for K, _ in cameras],
        [inverse for _, inverse in cameras],
        stereo_transform(sign * baseline_m) if STEREO in frames else None,
        depth_m[:, ::-1] if mirror and depth_m is not None else depth_m,
    )


def pyramid(image: Image8, size: tuple[int, int], scales: int) -> list[Image8]:
    """Resize (H,W,3) by Lanczos to `size`, and each further level from the one before; the aspect is not kept."""
    height, width = size
    levels, current = [], Image.fromarray(np.ascontiguousarray(image))
    for scale in range(scales):
        current = current.resize((width >> scale, height >> scale), Image.Resampling.LANCZOS)
        levels.append(np.asarray(current))
    return levels


def intrinsic_matrices(
    intrinsics: NormalizedIntrinsics, size: tuple[int, int]
) -> tuple[Array, NDArray[np.float32]]:
    """Compute 4x4 K in pixels of an image of (height, width), and its pseudo-inverse."""
    height, width = size
    K = np.eye(4, dtype=np.float32)
    K[0, :3] = intrinsics.fx * width, 0, intrinsics.cx * width
    K[1, :3] = 0, intrinsics.fy * height, intrinsics.cy * height
    return K, np.linalg.pinv(K)


def stereo_transform(x_m: float) -> Array:
    """Make a 4x4 translation along x."""
    out = np.eye(4, dtype=np.float32)
    out[0, 3] = x_m
    return out
