# SPDX-License-Identifier: Apache-2.0
"""Protocol of fused depth: errors against truth, completeness above the lidar's view, and confidence.

Truth made from lidar is not independent of the lidar input, so errors are reported a second time at pixels
away from every *raw projected* return. Truth of recorded data ends below the upper scene, where the photometric
error of the right image warped to the left one stands in for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

from geo_perception._types import Array, Mask
from geo_perception.errors import ConfigError, InputError
from geo_perception.evaluation.metrics import (
    EVERYWHERE,
    MEDIAN_SCALED,
    UNSCALED,
    DepthMetrics,
    depth_metrics,
    known,
    target_mask,
)
from geo_perception.evaluation.reliability import Reliability, reliability_of
from geo_perception.evaluation.stereo_lidar_fusion.estimate import FUSED, LIDAR, STEREO, Estimate
from geo_perception.frames import StereoLidarFrame
from geo_perception.geometry import drop_no_returns, project_lidar, se3

AWAY, UPPER = "away_from_returns", "upper_scene"
ORACLE, RAW_RETURNS = "oracle", "raw_returns"

Accuracy = dict[str, dict[str, dict[str, DepthMetrics]]]  # row -> region -> scaling -> errors


@dataclass(frozen=True)
class FusionProtocol:
    """Constants of the protocol."""

    cap_m: float = 80.0  # truth beyond it is left out; the usual KITTI cap, just inside the lidar's range
    away_px: float = 3.0  # "away from returns": farther than this from every raw projected return
    far_px: float = 8.0  # "far from returns" of the confidence: beyond a network's reach into the sparse map
    see_through_m: float = 0.5  # a return farther behind the truth than both of these was never seen by
    see_through_ratio: float = 0.05  # the camera: the lidar looked past the edge of something near
    upper_truth_share: float = 0.05  # the upper scene has truth if at least this share of its pixels has

    def __post_init__(self) -> None:
        if not (np.isfinite(self.cap_m) and self.cap_m > 0):
            raise ConfigError(f"cap must be positive metres, got {self.cap_m}")


@dataclass(frozen=True)
class Returns:
    """The lidar's raw returns in the left image."""

    depth_m: Array  # (H, W), NaN = none
    distance_px: Array  # (H, W) Euclidean distance to the nearest return, inf if there is none at all
    upper_rows: int  # rows above the highest return; 0 if there is no return

    @classmethod
    def of(cls, frame: StereoLidarFrame) -> Returns:
        """Project the sweep with nothing removed, so that regions do not depend on the evaluated method."""
        points_cam = se3.apply(frame.camera_from_lidar, drop_no_returns(frame.points_lidar)[:, :3])
        depth_m = project_lidar(points_cam, frame.rig.left)
        empty = np.isnan(depth_m)
        if empty.all():
            return cls(depth_m, np.full(depth_m.shape, np.inf, np.float32), 0)
        distance_px = cv2.distanceTransform(empty.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return cls(depth_m, distance_px, int(np.flatnonzero((~empty).any(axis=1))[0]))


@dataclass(frozen=True)
class PhotometricError:
    """Mean absolute difference, in grey levels of 255, of the left image and the right one warped to it."""

    grey_levels: float  # NaN if no pixel could be warped
    coverage: float  # share of the region's pixels that could: depth known and inside the right image
    stereo_grey_levels: float  # of stereo alone at the same pixels (those both can warp); NaN without stereo
    paired_grey_levels: float  # of this row at those pixels


@dataclass(frozen=True)
class ConfidenceSums:
    """Sums and counts per kind of pixel, to be pooled over frames because see-through returns are few."""

    sums: Mapping[str, float]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class FrameScores:
    """Scores of one frame."""

    name: str
    accuracy: Accuracy = field(default_factory=dict)  # empty without truth
    photometric: Mapping[str, PhotometricError] = field(default_factory=dict)  # empty without upper scene
    confidence: Mapping[str, ConfidenceSums] = field(default_factory=dict)  # by fused map
    latency_ms: float | None = None
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    returns: int | None = None  # of the sweep; None: not counted
    returns_in_view: int | None = None  # pixels of the left image that a return falls on
    reliability: Reliability | None = None  # of the uncertainty; None without it or without truth
    suspicion: str = ""


def score_frame(
    frame: StereoLidarFrame, estimate: Estimate, protocol: FusionProtocol | None = None
) -> FrameScores:
    """Score every depth map of the estimate.

    Raises:
        InputError: a map has not the image's size.
    """
    protocol = protocol or FusionProtocol()
    _check_sizes(frame, estimate)
    returns = Returns.of(frame)
    truth_m = frame.depth_truth_m
    return FrameScores(
        frame.name,
        truth_scores(estimate.depths_m, truth_m, returns, protocol),
        photometric_scores(estimate.depths_m, frame, returns),
        {name: confidence_sums(c, truth_m, returns, protocol) for name, c in estimate.confidences.items()},
        estimate.latency_ms,
        estimate.stages_ms,
        len(drop_no_returns(frame.points_lidar)),
        int(known(returns.depth_m).sum()),
        reliability_of(estimate.depths_m[FUSED], estimate.uncertainty, truth_m, protocol.cap_m),
        estimate.suspicion,
    )


def truth_scores(
    depths_m: Mapping[str, Array], truth_m: Array | None, returns: Returns, protocol: FusionProtocol
) -> Accuracy:
    """Compute errors of every map, of the raw returns and of the oracle, by region, with and without median scaling.

    The median scale is that of the region's own pixels; regions without truth are left out.
    """
    if truth_m is None or not target_mask(truth_m, protocol.cap_m).any():
        return {}
    judged = target_mask(truth_m, protocol.cap_m)
    target = truth_m[judged]
    regions = {name: mask[judged] for name, mask in _regions(truth_m, returns, protocol).items()}
    rows = {name: depth_m[judged] for name, depth_m in depths_m.items()}
    if STEREO in rows and LIDAR in rows:
        rows[ORACLE] = oracle(rows[STEREO], rows[LIDAR], target)
    rows[RAW_RETURNS] = returns.depth_m[judged]
    return {row: _by_region(pred, target, regions) for row, pred in rows.items()}


def oracle(first_m: Array, second_m: Array, target_m: Array) -> Array:
    """Choose at every pixel (H, W) the depth that is nearer to the truth: a bound for any choice between two depths."""
    errors = [np.where(known(d), np.abs(d - target_m), np.inf) for d in (first_m, second_m)]
    return np.asarray(np.where(errors[0] <= errors[1], first_m, second_m))


def warp_error(frame: StereoLidarFrame, depth_m: Array, rows: int) -> Array:
    """Compute the (rows, W) mean absolute colour difference of the left image and the right one warped to it.

    NaN where the depth is unknown or points outside the right image.
    """
    disparity = frame.rig.disparity_from_depth(depth_m[:rows])
    u, v = np.meshgrid(np.arange(depth_m.shape[1], dtype=np.float32), np.arange(rows, dtype=np.float32))
    u_right = u - disparity
    with np.errstate(invalid="ignore"):
        inside = (u_right >= 0) & (u_right <= depth_m.shape[1] - 1)
    u_right = np.where(inside, u_right, np.float32(0))
    warped = cv2.remap(frame.right[:rows].astype(np.float32), u_right, v, cv2.INTER_LINEAR)
    error = np.abs(warped - frame.left[:rows].astype(np.float32)).mean(axis=-1)
    error[~inside] = np.nan
    return np.asarray(error, np.float32)


def photometric_scores(
    depths_m: Mapping[str, Array], frame: StereoLidarFrame, returns: Returns
) -> dict[str, PhotometricError]:
    """Compute scene completeness without truth: the warp error of every dense map above the highest return."""
    if not returns.upper_rows:
        return {}
    errors = {name: warp_error(frame, depth, returns.upper_rows) for name, depth in depths_m.items()}
    reference = errors.get(STEREO)
    return {name: _paired(error, reference) for name, error in errors.items() if np.isfinite(error).any()}


def confidence_sums(
    confidence: Array, truth_m: Array | None, returns: Returns, protocol: FusionProtocol
) -> ConfidenceSums:
    """Sum the lidar confidence at returns, far from them, at see-through returns and at visible ones."""
    at_return = known(returns.depth_m)
    kinds = {"at_returns": at_return, "far_from_returns": returns.distance_px > protocol.far_px}
    if truth_m is not None:
        behind = see_through(returns.depth_m, truth_m, protocol)
        kinds["see_through_returns"] = behind
        kinds["visible_returns"] = at_return & known(truth_m) & ~behind
    usable = np.isfinite(confidence)
    masks = {name: mask & usable for name, mask in kinds.items()}
    sums = {name: float(confidence[mask].sum(dtype=np.float64)) for name, mask in masks.items()}
    return ConfidenceSums(sums, {name: int(mask.sum()) for name, mask in masks.items()})


def see_through(returns_m: Array, truth_m: Array, protocol: FusionProtocol) -> Mask:
    """Find raw returns (H, W) that lie behind the surface the camera sees."""
    with np.errstate(invalid="ignore"):
        tolerance = np.maximum(protocol.see_through_m, protocol.see_through_ratio * truth_m)
        return np.asarray(known(returns_m) & known(truth_m) & (returns_m - truth_m > tolerance))


def _regions(truth_m: Array, returns: Returns, protocol: FusionProtocol) -> dict[str, Mask]:
    regions = {
        EVERYWHERE: np.ones(truth_m.shape, np.bool_),
        AWAY: np.asarray(returns.distance_px > protocol.away_px),
    }
    top = returns.upper_rows
    if top and known(truth_m[:top]).mean() >= protocol.upper_truth_share:
        regions[UPPER] = np.zeros(truth_m.shape, np.bool_)
        regions[UPPER][:top] = True
    return regions


def _by_region(pred: Array, target: Array, regions: Mapping[str, Mask]) -> dict[str, dict[str, DepthMetrics]]:
    with_truth = {name: mask for name, mask in regions.items() if mask.any()}
    return {
        name: {
            UNSCALED: depth_metrics(pred, target, mask=mask),
            MEDIAN_SCALED: depth_metrics(pred, target, median_scale=True, mask=mask),
        }
        for name, mask in with_truth.items()
    }


def _paired(error: Array, reference: Array | None) -> PhotometricError:
    own = np.isfinite(error)
    both = own & np.isfinite(reference) if reference is not None else np.zeros_like(own)
    stereo, paired = (
        (_mean(reference, both), _mean(error, both)) if reference is not None else (np.nan, np.nan)
    )
    return PhotometricError(_mean(error, own), float(own.mean()), stereo, paired)


def _mean(values: Array, mask: Mask) -> float:
    return float(values[mask].mean(dtype=np.float64)) if mask.any() else float("nan")


def _check_sizes(frame: StereoLidarFrame, estimate: Estimate) -> None:
    if FUSED not in estimate.depths_m:
        raise InputError(f"frame {frame.name}: no '{FUSED}' depth among {', '.join(estimate.depths_m)}")
    confidences = {f"confidence of {name}": values for name, values in estimate.confidences.items()}
    for name, values in {**estimate.depths_m, **confidences}.items():
        if values.shape != frame.rig.left.size:
            raise InputError(f"frame {frame.name}: {name} is {values.shape}, image is {frame.rig.left.size}")
