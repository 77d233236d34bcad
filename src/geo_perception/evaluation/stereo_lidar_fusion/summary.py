# SPDX-License-Identifier: Apache-2.0
"""Summary of many frames' scores: the tree that becomes metrics.json."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict

import numpy as np

from geo_perception.evaluation.metrics import EVERYWHERE, MEDIAN_SCALED, UNSCALED, DepthMetrics, mean_metrics
from geo_perception.evaluation.reliability import reliability_tree
from geo_perception.evaluation.stereo_lidar_fusion.estimate import FUSED, STEREO
from geo_perception.evaluation.stereo_lidar_fusion.protocol import (
    AWAY,
    UPPER,
    ConfidenceSums,
    FrameScores,
    FusionProtocol,
    PhotometricError,
)
from geo_perception.evaluation.tree import Tree

CONVENTIONS = {
    "errors": "mean over frames of per-frame values, in metres",
    "prediction": "judged as it is, not clipped; truth pixels without prediction count in coverage",
    "truth": "truth farther than cap_m is left out",
    EVERYWHERE: "all truth pixels",
    AWAY: "truth pixels farther than away_px from every raw projected return",
    UPPER: "rows above the highest raw return, in frames whose truth covers upper_truth_share of them",
    "photometric": "mean absolute difference (0..255) of the left image and the right one warped by the "
    "depth, rows above the highest return; over_stereo: at pixels both can warp",
    "uncertainty": "of the fused depth's pixels with truth: share said to be within so much of it (1.645 standard "
    "deviations are less), and share of those that are; 90% interval: within 1.645 of their own deviations",
    "confidence": "lidar confidence, pooled over frames; far: more than far_px from every raw return",
}

CONFIDENCE_DIFFERENCES = {
    "at_minus_far": ("at_returns", "far_from_returns"),
    "visible_minus_see_through": ("visible_returns", "see_through_returns"),
}


def summarise(scores: Sequence[FrameScores], protocol: FusionProtocol) -> Tree:
    """Summarise everything but timings; the same scores give the same tree."""
    return {
        "frames": len(scores),
        "frames_with_truth": sum(bool(score.accuracy) for score in scores),
        "protocol": {**asdict(protocol), **CONVENTIONS},
        "accuracy": _accuracy(scores),
        "scene_completeness": _completeness(scores),
        "confidence": _confidence(scores),
        "lidar": _lidar(scores),
        "uncertainty": reliability_tree([s.reliability for s in scores if s.reliability is not None]),
        "suspicions": [{"name": s.name, "text": s.suspicion} for s in scores if s.suspicion],
        "per_frame": [_frame(score) for score in scores],
    }


def rows_of(scores: Iterable[FrameScores]) -> list[str]:
    """Return the names of the evaluated maps, in the order they were given."""
    return list(dict.fromkeys(row for score in scores for row in (*score.accuracy, *score.photometric)))


def frame_error(score: FrameScores) -> float:
    """Return the RMSE of the fused depth, by which the worst frames are found, metres; NaN without truth."""
    fused = score.accuracy.get(FUSED, {}).get(EVERYWHERE)
    return fused[UNSCALED].rmse_m if fused else float("nan")


def _lidar(scores: Sequence[FrameScores]) -> Tree:
    """Count the frames that had no lidar to fuse; their fused depth is that of stereo alone."""
    counted = [score for score in scores if score.returns_in_view is not None]
    return {
        "frames": len(counted),
        "frames_without_returns": sum(not score.returns for score in counted),
        "frames_without_return_in_view": sum(not score.returns_in_view for score in counted),
        "returns_in_view": _mean_count(counted),
    }


def _mean_count(scores: Sequence[FrameScores]) -> float | None:
    return float(np.mean([score.returns_in_view or 0 for score in scores])) if scores else None


def _accuracy(scores: Sequence[FrameScores]) -> Tree:
    tree: Tree = {}
    for row in rows_of(scores):
        for region in (EVERYWHERE, AWAY, UPPER):
            for scaling in (UNSCALED, MEDIAN_SCALED):
                mean = mean_metrics(_metrics(scores, row, region, scaling))
                if mean.pixels and mean.coverage > 0:
                    tree.setdefault(row, {}).setdefault(region, {})[scaling] = mean.as_dict()
    return tree


def _metrics(scores: Sequence[FrameScores], row: str, region: str, scaling: str) -> list[DepthMetrics]:
    regions = [score.accuracy.get(row, {}).get(region) for score in scores]
    return [region_metrics[scaling] for region_metrics in regions if region_metrics]


def _completeness(scores: Sequence[FrameScores]) -> Tree:
    """Summarise the upper scene: warp error of each row, and depth errors as multiples of stereo alone's."""
    photometric = {
        row: [s.photometric[row] for s in scores if row in s.photometric] for row in rows_of(scores)
    }
    upper = {row: mean_metrics(_metrics(scores, row, UPPER, UNSCALED)) for row in rows_of(scores)}
    stereo = upper.get(STEREO)
    return {
        "photometric": {row: _photometric(errors) for row, errors in photometric.items() if errors},
        "depth_over_stereo": {
            row: {
                "RMSE": _ratio(mean.rmse_m, stereo.rmse_m),
                "MAE": _ratio(mean.mae_m, stereo.mae_m),
            }
            for row, mean in upper.items()
            if stereo and stereo.coverage > 0 and mean.coverage > 0
        },
    }


def _photometric(errors: Sequence[PhotometricError]) -> Tree:
    paired = [error for error in errors if math.isfinite(error.stereo_grey_levels)]
    own = float(np.mean([error.paired_grey_levels for error in paired])) if paired else float("nan")
    stereo = float(np.mean([error.stereo_grey_levels for error in paired])) if paired else float("nan")
    return {
        "grey_levels": float(np.mean([error.grey_levels for error in errors])),
        "coverage": float(np.mean([error.coverage for error in errors])),
        "over_stereo": _ratio(own, stereo),
        "frames": len(errors),
    }


def _confidence(scores: Sequence[FrameScores]) -> Tree:
    names = dict.fromkeys(name for score in scores for name in score.confidence)
    return {name: _pooled([s.confidence[name] for s in scores if name in s.confidence]) for name in names}


def _pooled(frames: Sequence[ConfidenceSums]) -> Tree:
    """Pool mean and count by kind of pixel, and the differences that show whether a confidence is alive."""
    tree: Tree = {}
    for kind in dict.fromkeys(kind for frame in frames for kind in frame.counts):
        count = sum(frame.counts.get(kind, 0) for frame in frames)
        total = sum(frame.sums.get(kind, 0.0) for frame in frames)
        tree[kind] = {"mean": _ratio(total, count), "pixels": count}
    for name, (high, low) in CONFIDENCE_DIFFERENCES.items():
        if high in tree and low in tree:
            tree[name] = tree[high]["mean"] - tree[low]["mean"]
    return tree


def _frame(score: FrameScores) -> Tree:
    accuracy = {
        row: {region: scalings[UNSCALED].as_dict() for region, scalings in regions.items()}
        for row, regions in score.accuracy.items()
    }
    photometric = {row: asdict(error) for row, error in score.photometric.items()}
    return {"name": score.name, "accuracy": accuracy, "photometric": photometric}


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else float("nan")
