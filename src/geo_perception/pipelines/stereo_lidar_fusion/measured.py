# SPDX-License-Identifier: Apache-2.0
"""Mask of measured pixels: by a distinct match, by a lidar return close by, or between such pixels.

Every stage fills its map, since a network needs all of it. What was filled in over the sky, or on a wall without
texture, is no measurement, and a robot must be able to tell.
"""

from __future__ import annotations

import cv2
import numpy as np

from geo_perception._types import Array, Image, Mask
from geo_perception.geometry import PinholeCamera, StereoRig
from geo_perception.pipelines.stereo_lidar_fusion.estimates import LidarEstimate, StereoEstimate
from geo_perception.pipelines.stereo_lidar_fusion.row_gaps import gaps, in_one_line, in_rows
from geo_perception.pipelines.stereo_lidar_fusion.warping import at_matches

SHRINK = 2  # matches are judged at half the size, in a quarter of the time
COST_PX = 5  # side of the window, at that size, that costs are averaged over
BEYOND = 1.02  # disparities up to so many times that of the farthest depth count as beyond it
COST_CAP = 20.0  # grey levels; larger differences say no more than this
MIN_MARGIN = 0.5  # grey levels by which a match must beat every disparity beyond the farthest depth
RIM_PX, RIM_LEVELS = 9, 6.0  # matches next to unmeasured pixels of the same grey are those of an edge nearby
RIM_SHARE = 0.08  # of the window that must be unmeasured
RETURN_REACH_RAD = 0.014  # around a return; 10 px at KITTI's focal length, two gaps between the beams
MIN_REACH_PX = 8.0  # completion works in pixels, so a coarse image has not less
MAX_GAP_RAD = 0.14  # between measured pixels; 100 px at KITTI's focal length
GAP_STEP_PX, GAP_STEP_SHARE = 1.0, 0.1  # how far their disparities may differ: the larger of both


def measured_pixels(
    left: Image,
    right: Image | None,
    stereo: StereoEstimate | None,
    lidar: LidarEstimate | None,
    depth_m: Array,
    rig: StereoRig,
    max_depth_m: float,
) -> Mask:
    """(H, W) pixels of a fused depth that a sensor measured, or that lie on a surface between such pixels.

    Args:
        left: (H, W, 3) RGB, rectified.
        right: the same, or None.
        stereo: as it went into the fusion, before it was aligned to the lidar; None: there is none.
        lidar: None: there is none.
        depth_m: (H, W) fused, NaN unknown.
        rig: calibration of the pair.
        max_depth_m: what stereo puts there, it did not measure.
    """
    measured: Mask = np.zeros(depth_m.shape, np.bool_)
    if stereo is not None and right is not None:
        disparity = np.float32(rig.focal_baseline) / stereo.depth_m
        measured |= matched_well(left, right, disparity, stereo.valid, rig.focal_baseline / max_depth_m)
    if lidar is not None:
        measured |= lidar.distance_px <= np.float32(return_reach_px(rig.left))
    measured &= ~np.isnan(depth_m)
    return measured | between_measured(measured, np.float32(rig.focal_baseline) / depth_m, rig.left)


def matching_margin(grey: Array, other: Array, disparity_px: Array, farthest_px: float) -> Array:
    """Compute by how many grey levels each match is better than the best one beyond the farthest depth.

    A match of sky or of a surface without texture costs as little at any other disparity. The idea is that of the
    "maximum margin" of Hu and Mordohai, A Quantitative Evaluation of Confidence Measures for Stereo Vision (2012),
    against one question only: could this just as well be infinitely far?

    Args:
        grey: (h, w) left image by `small_grey`, rectified.
        other: (h, w) right image by `small_grey`, rectified.
        disparity_px: (H, W) of the left image.
        farthest_px: disparity of the farthest depth.

    Returns:
        (h, w) grey levels.
    """
    size = grey.shape[1], grey.shape[0]
    share = np.float32(size[0] / disparity_px.shape[1])
    other = _like(other, grey)
    small_px = np.asarray(cv2.resize(disparity_px, size, interpolation=cv2.INTER_NEAREST), np.float32)
    small_px *= share
    matched = at_matches(other, small_px, scratch=small_px)
    best = _cost(grey, other)
    for shift in range(1, min(size[0] - 1, int(farthest_px * share)) + 1):
        shifted = cv2.copyMakeBorder(other[:, :-shift], 0, 0, shift, 0, cv2.BORDER_REPLICATE)
        np.minimum(best, _cost(grey, shifted), out=best)
    return np.asarray(np.subtract(best, _cost(grey, matched), out=best))


def small_grey(image: Image) -> Array:
    """(H, W, 3) RGB -> (h, w) grey at 1 / SHRINK of the size."""
    size = max(1, image.shape[1] // SHRINK), max(1, image.shape[0] // SHRINK)
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.float32)


def _like(values: Array, reference: Array) -> Array:
    """The values with mean and spread of the reference: the two cameras' exposures differ."""
    (mean, spread), (want_mean, want_spread) = cv2.meanStdDev(values), cv2.meanStdDev(reference)
    gain = float(want_spread[0, 0]) / max(float(spread[0, 0]), 1e-3)
    out: Array = values * np.float32(gain)
    out += np.float32(float(want_mean[0, 0]) - gain * float(mean[0, 0]))
    return out


def _cost(first: Array, second: Array) -> Array:
    difference = cv2.absdiff(first, second)
    np.minimum(difference, np.float32(COST_CAP), out=difference)
    return np.asarray(cv2.blur(difference, (COST_PX, COST_PX)), np.float32)


def matched_well(left: Image, right: Image, disparity_px: Array, matched: Mask, farthest_px: float) -> Mask:
    """(H, W) matches that are not as good beyond the farthest depth; arguments as of `matching_margin`.

    Matching by windows lets a surface grow into the sky around it. So a match does not count either where unmeasured
    pixels of its own grey value are close.
    """
    grey = small_grey(left)
    clear = matching_margin(grey, small_grey(right), disparity_px, farthest_px) > np.float32(MIN_MARGIN)
    size = clear.shape[1], clear.shape[0]
    candidate = matched & (disparity_px > np.float32(farthest_px * BEYOND))
    clear &= _resized(candidate, size)
    unmeasured = (~clear).astype(np.float32)
    count = cv2.blur(unmeasured, (RIM_PX, RIM_PX))
    total = cv2.blur(np.multiply(unmeasured, grey, out=unmeasured), (RIM_PX, RIM_PX))
    alike = np.abs(total - grey * count) < np.float32(RIM_LEVELS) * count
    clear &= ~(alike & (count > np.float32(RIM_SHARE)))
    return np.asarray(_resized(clear, (matched.shape[1], matched.shape[0])) & candidate)


def _resized(mask: Mask, size: tuple[int, int]) -> Mask:
    out = cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(out.view(np.bool_))


def return_reach_px(camera: PinholeCamera) -> float:
    """Compute the radius around a return within which pixels count as measured, pixels."""
    return max(MIN_REACH_PX, RETURN_REACH_RAD * camera.fx)


def between_measured(measured: Mask, disparity_px: Array, camera: PinholeCamera) -> Mask:
    """(H, W) pixels without a measurement that lie on a surface between measured ones, at most MAX_GAP_RAD apart.

    The nearest measured pixels above and below, or left and right, and the pixel itself have about one disparity:
    a window in a facade, the side of a lorry. Over the sky there is nothing measured.

    Args:
        measured: (H, W).
        disparity_px: (H, W) of the depth that is to be judged.
        camera: of the image.
    """
    height, width = measured.shape
    size = max(1, width // SHRINK), max(1, height // SHRINK)
    seeds = _resized(measured, size)
    values = cv2.resize(disparity_px, size, interpolation=cv2.INTER_NEAREST)
    gap = MAX_GAP_RAD * camera.fx * size[0] / width
    found = _within_rows(seeds, values, gap)
    found |= _transposed(_within_rows(_transposed(seeds), np.asarray(cv2.transpose(values)), gap))
    return np.asarray(_resized(found, (width, height)) & ~measured)


def _transposed(mask: Mask) -> Mask:
    return np.asarray(cv2.transpose(mask.view(np.uint8)).view(np.bool_))


def _within_rows(seeds: Mask, values: Array, max_gap: float) -> Mask:
    """(H, W) pixels between two seeds of their row, with about the values of both."""
    line = in_one_line(values, np.nan)  # between the rows is no value that a surface could go on to
    before, last = gaps(in_one_line(seeds, True))
    narrow = last + 1 - before <= max_gap
    before, last = before[narrow], last[narrow]
    length = last - before
    at = np.arange(length.sum()) + np.repeat(last + 1 - np.cumsum(length), length)
    own, ends = line.take(at), (line.take(before), line.take(last + 1))
    low, high = (f(own, np.repeat(f(*ends), length)) for f in (np.minimum, np.maximum))
    found = np.zeros(line.size, np.bool_)
    found[at] = high - low <= np.maximum(np.float32(GAP_STEP_PX), np.float32(GAP_STEP_SHARE) * high)
    return np.ascontiguousarray(in_rows(found, seeds.shape))
