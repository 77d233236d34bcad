# SPDX-License-Identifier: Apache-2.0
"""Result of indoor depth for one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from geo_perception._types import Array

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class DepthEstimate:
    """Depth of one image. Depth is Z in the camera's optical frame (REP 103), NaN where unknown."""

    depth_m: Array  # (H, W) of the input image
    focal_scale: float | None = (
        None  # factor for the camera's focal length, already in depth_m; None: not applied
    )
    notes: tuple[str, ...] = ()  # why this depth deserves less trust than usual
    stages_ms: dict[str, float] = field(default_factory=dict)  # time of each stage
