# SPDX-License-Identifier: Apache-2.0
"""Depth maps of one frame to evaluate, by name, from a pipeline's result or from received messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from geo_perception._types import Array

FUSED, STEREO, LIDAR, VISIBLE_RETURNS = "fused", "stereo", "lidar", "visible_returns"


class Fused(Protocol):
    """Members of a pipeline's result that are evaluated; every map is (H, W), metres, NaN = unknown."""

    @property
    def depth_m(self) -> Array: ...
    @property
    def confidence(self) -> Array: ...
    @property
    def stereo_depth_m(self) -> Array | None: ...
    @property
    def lidar_depth_m(self) -> Array | None: ...
    @property
    def sparse_depth_m(self) -> Array | None: ...
    @property
    def stages_ms(self) -> Mapping[str, float]: ...
    @property
    def uncertainty(self) -> Array: ...
    def suspicion(self) -> str: ...


@dataclass(frozen=True)
class Estimate:
    """Depth maps of one frame; `fused` is the one the report shows first."""

    depths_m: Mapping[str, Array]  # name -> (H, W) metres, NaN = unknown
    confidence: Array | None = None  # (H, W) of the lidar in `fused`, 0..1
    latency_ms: float | None = None
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    other_confidences: Mapping[str, Array] = field(default_factory=dict)  # of further fused maps, by name
    uncertainty: Array | None = (
        None  # (H, W) relative standard deviation of `fused`, NaN where that is unknown
    )
    suspicion: str = ""  # why stereo and lidar should not be trusted; empty: they agree

    @property
    def confidences(self) -> dict[str, Array]:
        """Return all lidar confidences (H, W) by the name of the fused map."""
        own = {} if self.confidence is None else {FUSED: self.confidence}
        return {**own, **self.other_confidences}

    @classmethod
    def from_fused(
        cls, fused: Fused, latency_ms: float | None = None, others: Mapping[str, Fused] | None = None
    ) -> Estimate:
        """Make an estimate of a pipeline's result, with the fused maps of other pipelines on the same frame by name."""
        others = others or {}
        inputs = {
            STEREO: fused.stereo_depth_m,
            LIDAR: fused.lidar_depth_m,
            VISIBLE_RETURNS: fused.sparse_depth_m,
        }
        present = {name: depth for name, depth in inputs.items() if depth is not None}
        depths = {FUSED: fused.depth_m, **{name: other.depth_m for name, other in others.items()}, **present}
        confidences = {name: other.confidence for name, other in others.items()}
        stages_ms = dict(fused.stages_ms)
        return cls(
            depths, fused.confidence, latency_ms, stages_ms, confidences, fused.uncertainty, fused.suspicion()
        )
