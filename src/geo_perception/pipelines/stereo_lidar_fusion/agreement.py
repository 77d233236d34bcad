# SPDX-License-Identifier: Apache-2.0
"""Agreement of stereo and lidar, whose contradiction no check of a single message can find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from geo_perception._types import Array, Mask

SAMPLE = 2000  # returns looked at, spread over the image: enough for a median
MIN_RETURNS = 50
# Medians over the returns of one frame. KITTI recordings and simulated drives have 0.01 to 0.035 of the depth; a
# baseline wrong by a fifth 0.18.
MAX_DISAGREEMENT = 0.1  # of the depth
MAX_FILLED_DISAGREEMENT = 0.25  # where stereo was filled in, which is never as good
MIN_ERROR_PX = 1.0  # and of the disparity: a rig that is off by less is a matter of `align_stereo`
COMMON_ERROR = 0.5  # of the disagreement that one factor explains; then it is the baseline's
UNREASONABLE = 0.5  # of the depth: nothing is right, such as with images swapped
MAX_DROPPED = 0.3  # share of the visible returns that stereo may refute; 0.03 is the most of good recordings


@dataclass(frozen=True)
class Agreement:
    """Stereo against the lidar's returns as they came, before any was dropped."""

    returns: int = 0  # that the camera sees and stereo has matched, as far as they were looked at
    depth_ratio: float = float("nan")  # stereo over lidar, median
    disagreement: float = float("nan")  # |ratio - 1|, median
    error_px: float = float("nan")  # of the disparity, median of the absolute
    dropped: float = 0.0  # share of the visible returns that stereo refuted
    filled: bool = False  # stereo matched next to nothing, and is compared where it was filled in

    @classmethod
    def of(
        cls,
        stereo_m: Array,
        returns_m: Array,
        matched: Mask | None = None,
        focal_baseline: float = float("inf"),
        dropped: float = 0.0,
    ) -> Agreement:
        """Compare (H, W) stereo depth with (H, W) visible returns (NaN elsewhere), where `matched`.

        Where stereo has hardly matched anything, what it filled in is compared. Without `focal_baseline` every error
        counts, however small in pixels.
        """
        usable = np.flatnonzero(np.isfinite(returns_m))  # few pixels: what follows is done on them alone
        usable = usable[np.isfinite(stereo_m.take(usable))]
        where = usable if matched is None else usable[matched.take(usable)]
        filled = matched is not None and len(where) < MIN_RETURNS
        where = usable if filled else where
        if len(where) < MIN_RETURNS:
            return cls(len(where), dropped=dropped)
        where = where[:: 1 + len(where) // SAMPLE]
        seen, measured = stereo_m.take(where), returns_m.take(where)
        ratio = seen / measured
        nearness = float(np.median(np.abs(np.reciprocal(seen) - np.reciprocal(measured))))
        relative = float(np.median(np.abs(ratio - 1)))
        return cls(len(where), float(np.median(ratio)), relative, nearness * focal_baseline, dropped, filled)

    @property
    def holds(self) -> bool:
        """True unless stereo and lidar contradict each other."""
        limit = MAX_FILLED_DISAGREEMENT if self.filled else MAX_DISAGREEMENT
        return not (self.disagreement > limit and self.error_px > MIN_ERROR_PX)


def compare(
    stereo_m: Array, matched: Mask, visible_depth_m: Array, kept_depth_m: Array, focal_baseline: float
) -> Agreement:
    """Stereo (H, W) where it `matched` against the visible returns (H, W), of which it left `kept_depth_m`."""
    visible, kept = (int((~np.isnan(depth_m)).sum()) for depth_m in (visible_depth_m, kept_depth_m))
    dropped = 1 - kept / max(visible, 1)
    return Agreement.of(stereo_m, visible_depth_m, matched, focal_baseline, dropped)


class Compared(Protocol):
    """The part of a frame's result that tells whether stereo and lidar agree; maps are (H, W), metres, NaN unknown."""

    @property
    def agreement(self) -> Agreement | None: ...
    @property
    def stereo_depth_m(self) -> Array | None: ...
    @property
    def sparse_depth_m(self) -> Array | None: ...


def disagreement(fused: Compared, max_dropped: float = MAX_DROPPED) -> str:
    """Name the reason to distrust a frame whose stereo and lidar returns differ in general; empty when they agree.

    The output then rests on one of them at most, though every message by itself was in order. Empty, too, when one of
    the sensors is absent.

    Args:
        fused: of one frame.
        max_dropped: share of the visible returns that stereo may refute before that is said.
    """
    found = fused.agreement
    if found is None and fused.stereo_depth_m is not None and fused.sparse_depth_m is not None:
        found = Agreement.of(fused.stereo_depth_m, fused.sparse_depth_m)
    if found is None:
        return ""
    if not found.holds:
        return _suspicion(found)
    if found.dropped > max_dropped:
        return (
            f"{found.dropped:.0%} of the lidar's returns lie far behind what stereo sees and were dropped (at most "
            f"{max_dropped:.0%} is expected): wrong baseline, calibration or extrinsics?"
        )
    return ""


def _suspicion(found: Agreement) -> str:
    dropped = f"; {found.dropped:.0%} of the returns were dropped" if found.dropped > MAX_DROPPED else ""
    text = f"stereo and lidar disagree by {found.disagreement:.0%} of the depth{dropped}"
    others = "wrong calibration or extrinsics, stamps of another moment, or an image without texture?"
    factor = found.depth_ratio
    common = abs(factor - 1) > COMMON_ERROR * found.disagreement
    if not common:
        return f"{text}: left and right images swapped, {others}"
    side = "near" if factor < 1 else "far"
    times = max(factor, 1 / factor)
    swapped = "left and right images swapped, " if found.disagreement > UNREASONABLE else ""
    return (
        f"{text}, stereo is {times:.3g} times too {side}: baseline or focal length wrong by about that factor (its "
        f"unit, or not scaled with the image?), {swapped}{others}"
    )
