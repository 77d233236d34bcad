# SPDX-License-Identifier: Apache-2.0
"""Reliability of a depth's uncertainty: of the pixels stated to be within a share of the truth, how many are.

A pixel is stated to be within 10 % where 1.645 standard deviations are at most that: nine tenths of a normal
distribution. The statement holds if nine tenths of such pixels are within 10 %, or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geo_perception._types import Array
from geo_perception.evaluation.metrics import known, target_mask

LEVELS = (0.02, 0.05, 0.1, 0.2)  # shares of the depth
DEVIATIONS = 1.645  # standard deviations that hold 90 % of a normal distribution


@dataclass(frozen=True)
class Reliability:
    """Counts of target pixels with a depth, to be summed over frames."""

    pixels: int
    said: tuple[int, ...]  # pixels stated to be within each of LEVELS
    right: tuple[int, ...]  # those of them that are
    inside: int  # pixels within DEVIATIONS of their own standard deviations


def reliability_of(
    depth_m: Array, uncertainty: Array | None, truth_m: Array | None, cap_m: float
) -> Reliability | None:
    """Count the pixels of one frame; None without truth, or without uncertainty.

    Args:
        depth_m: (H, W) metres.
        uncertainty: (H, W) its relative standard deviation, NaN unknown.
        truth_m: (H, W) metres, NaN unknown.
        cap_m: truth beyond it is left out.
    """
    if uncertainty is None or truth_m is None:
        return None
    judged = target_mask(truth_m, cap_m) & known(depth_m) & np.isfinite(uncertainty)
    if not judged.any():
        return None
    bound = np.float32(DEVIATIONS) * uncertainty[judged]
    error = np.abs(depth_m[judged] / truth_m[judged] - 1)
    said = [bound <= level for level in LEVELS]
    right = [mask & (error < level) for mask, level in zip(said, LEVELS, strict=True)]
    counts = [tuple(int(mask.sum()) for mask in masks) for masks in (said, right)]
    return Reliability(int(judged.sum()), counts[0], counts[1], int((error < bound).sum()))


def reliability_tree(frames: Sequence[Reliability]) -> dict[str, dict[str, float]]:
    """Pool frames by level: the share of pixels stated to be within it, and the share of those that are."""
    pixels = sum(frame.pixels for frame in frames)
    if not pixels:
        return {}
    tree = {}
    for index, level in enumerate(LEVELS):
        said, right = (sum(getattr(frame, name)[index] for frame in frames) for name in ("said", "right"))
        tree[f"{level:.0%}"] = {"said": said / pixels, "right": right / said if said else float("nan")}
    return tree | {"90% interval": {"said": 1.0, "right": sum(frame.inside for frame in frames) / pixels}}
