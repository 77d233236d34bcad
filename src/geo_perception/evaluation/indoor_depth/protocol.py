# SPDX-License-Identifier: Apache-2.0
"""Indoor protocols of DistDepth: resizing of depth to the truth's size, selection of pixels, clamping.

The published figures multiply every prediction by median(truth) / median(prediction) although they are called metric.
Here each protocol gives both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.errors import ConfigError, InputError
from geo_perception.evaluation.metrics import (
    MEDIAN_SCALED,
    UNSCALED,
    DepthMetrics,
    depth_metrics,
    known,
)

CLAMP_M = (1e-3, 10.0)  # range that scaled predictions are clamped to


@dataclass(frozen=True)
class IndoorProtocol:
    """Constants of one published protocol."""

    size: tuple[int, int] | None  # (height, width) of truth, and of the resized prediction; None: truth's own
    align_corners: bool  # of the bilinear resize
    min_truth_m: float = 0.01  # truth must lie above this ...
    max_truth_m: float = 10.0  # ... and not above this
    clamp_m: tuple[float, float] | None = CLAMP_M  # range to clamp scaled predictions to; None: unclamped
    clamp_first: bool = False  # clamp before scaling, too
    crop: tuple[int, int] | None = None  # centre of truth (and of the network's input) that counts
    network_max_m: float = 10.0  # range of the network it was published with


NATIVE = "native"

INDOOR_PROTOCOLS: dict[str, IndoorProtocol] = {
    # ours, for data of any size: every truth pixel up to 10 m counts, and predictions are not clamped
    NATIVE: IndoorProtocol(None, align_corners=False, clamp_m=None),
    "va": IndoorProtocol((640, 640), align_corners=True),
    # not the Eigen crop; the network sees the same centre
    "nyuv2": IndoorProtocol((448, 608), align_corners=True, crop=(448, 608), network_max_m=12.0),
    "va_multi_frame": IndoorProtocol((640, 640), align_corners=False, min_truth_m=0.001, clamp_first=True),
    "training_monitor": IndoorProtocol((512, 512), align_corners=False, clamp_first=True),
}


def indoor_protocol(name: str) -> IndoorProtocol:
    """Look up a protocol by name. Raises ConfigError listing what exists."""
    if name not in INDOOR_PROTOCOLS:
        raise ConfigError(f"protocol {name!r} is not one of {', '.join(INDOOR_PROTOCOLS)}")
    return INDOOR_PROTOCOLS[name]


def score_indoor(pred_m: Array, truth_m: Array, protocol: IndoorProtocol) -> dict[str, DepthMetrics]:
    """Compute the errors of one image, unscaled and median-scaled.

    Args:
        pred_m: (h, w) metres, any size.
        truth_m: (H, W) metres, 0, negative or NaN = unknown; the protocol's size, or larger where it crops.
        protocol: one of INDOOR_PROTOCOLS, or your own.

    Raises:
        InputError: truth of another size.
    """
    truth_m = centre(truth_m, protocol.crop)
    size = protocol.size or (truth_m.shape[0], truth_m.shape[1])
    if truth_m.shape != size:
        raise InputError(f"truth is {truth_m.shape}, the protocol measures at {protocol.size}")
    pred = resize_bilinear(pred_m, size, align_corners=protocol.align_corners)
    if protocol.clamp_first:
        pred = np.clip(pred, *CLAMP_M)
    with np.errstate(invalid="ignore"):
        mask = known(truth_m) & (truth_m > protocol.min_truth_m) & (truth_m <= protocol.max_truth_m)
    scaled = pred * np.float32(median_ratio(pred, truth_m, mask & known(pred)))
    if protocol.clamp_m is not None:
        pred, scaled = np.clip(pred, *protocol.clamp_m), np.clip(scaled, *protocol.clamp_m)
    return {
        UNSCALED: depth_metrics(pred, truth_m, mask=mask),
        MEDIAN_SCALED: depth_metrics(scaled, truth_m, mask=mask),
    }


def median_ratio(pred_m: Array, truth_m: Array, mask: NDArray[np.bool_]) -> float:
    """Compute median(truth) / median(prediction) over the mask; 1 if it is empty."""
    if not mask.any():
        return 1.0
    return lower_median(truth_m[mask]) / lower_median(pred_m[mask])


def lower_median(values: Array) -> float:
    """Return the lower of the two middle values, as torch.median does."""
    middle = (values.size - 1) // 2
    return float(np.partition(values.reshape(-1), middle)[middle])


def centre(values: Array, size: tuple[int, int] | None) -> Array:
    """Crop the central (height, width); None = all. Raises InputError if the image is smaller."""
    if size is None:
        return values
    top, left = ((whole - part) // 2 for whole, part in zip(values.shape, size, strict=True))
    if top < 0 or left < 0:
        raise InputError(f"an image of {values.shape} has no centre of {size}")
    return values[top : top + size[0], left : left + size[1]]


def resize_bilinear(values: Array, size: tuple[int, int], *, align_corners: bool) -> Array:
    """Resize (h, w) to `size` without smoothing. OpenCV has neither aligned corners nor exact weights in remap."""
    values = np.asarray(values, np.float32)
    if values.shape == size:
        return values
    for axis, (old, new) in enumerate(zip(values.shape, size, strict=True)):
        low, high, weight = _taps(old, new, align_corners)
        weight = weight[:, None] if axis == 0 else weight
        values = values.take(low, axis) * (1 - weight) + values.take(high, axis) * weight
    return values


def _taps(old: int, new: int, align_corners: bool) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Compute for each new position the two old ones it lies between, and the weight of the second."""
    one, steps = (
        np.float32(1),
        np.arange(new, dtype=np.float32),
    )  # float32 places, as the published resize has them
    scale = one * (old - 1) / max(new - 1, 1) if align_corners else one * old / new
    place = scale * steps if align_corners else scale * (steps + one / 2) - one / 2
    place = np.clip(place, 0, old - 1)
    low = np.floor(place).astype(np.int64)
    return low, np.minimum(low + 1, old - 1), (place - low).astype(np.float32)
