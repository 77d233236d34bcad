# SPDX-License-Identifier: Apache-2.0
"""Survey of truth: depth in a wrong unit gives tables that look normal, depth beyond the cap empty ones."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from geo_perception._types import Array
from geo_perception.errors import ConfigError, DataError
from geo_perception.evaluation.metrics import known

TYPICAL_FRAMES = 200  # enough to know a data set's median depth; reading thousands of maps takes minutes
INDOORS_M = (0.2, 50.0)  # median depth beyond which no room is
FARTHEST_M = 100.0
FLAT, FLAT_SHARE = 0.01, 0.5  # spread (5 to 95%) over median of a map of one value; share of such maps
UNKNOWN = 0.95  # share of the pixels
# Share of a map's known pixels that have its largest number, and of maps that have one such number in common: 4095,
# 10000 or 32767 stand where the sensor stops or saw nothing. A wall that faces the camera has a number of its own.
STOPPED_SHARE, STOPPED_MAPS = 0.1, 0.5


@dataclass(frozen=True)
class TruthSurvey:
    """Statistics of some depth maps of one data set."""

    maps: int
    empty: int  # without any depth
    flat: int  # nearly one value
    unknown: float  # share of all pixels
    far: float  # share of the known pixels beyond FARTHEST_M
    typical_m: float  # median over maps of their medians; NaN without any
    stop_m: float = float("nan")  # largest number of most maps, in a good part of each; NaN if there is none
    stopped: float = 0.0  # share of the known pixels in those maps

    def checked_typical_m(self) -> float:
        """Return the typical depth, metres. Raises DataError if no map has any."""
        if np.isnan(self.typical_m):
            raise DataError("no frame has a known depth, so there is nothing to measure against")
        return self.typical_m

    def remarks(self) -> list[str]:
        """List what cannot be true of a room, one line each."""
        low, high = INDOORS_M
        found = {
            f"median depth is {self.typical_m:.3g} m, in rooms it is {low:g} to {high:g} m: is the unit right?": (
                not np.isnan(self.typical_m) and not low <= self.typical_m <= high
            ),
            f"{100 * self.far:.3g}% of the depth is beyond {FARTHEST_M:g} m: is the unit right?": self.far
            > 0.001,
            f"{self.flat} of {self.maps} depth maps hold nearly one value": self.flat
            > FLAT_SHARE * self.maps,
            f"{100 * self.stopped:.3g}% of the depth is one and the largest number, {self.stop_m:g} m: where the "
            "sensor stops, or its mark for nothing seen?": self.stopped > 0,
            f"{self.empty} of {self.maps} depth maps hold no depth": self.empty > 0,
            f"depth is unknown in {100 * self.unknown:.3g}% of the pixels": self.unknown > UNKNOWN,
        }
        return [f"implausible truth: {text}" for text, wrong in found.items() if wrong]


def survey_truth(truths_m: Iterable[Array]) -> TruthSurvey:
    """Survey depth maps (H, W) in metres; NaN and 0 are unknown."""
    medians, flat, maps, pixels, measured, far = [], 0, 0, 0, 0, 0
    stops: dict[float, list[float]] = {}  # largest number -> its shares of the maps that it is the largest of
    for truth_m in truths_m:
        values = truth_m[known(truth_m)]
        maps, pixels, measured = maps + 1, pixels + truth_m.size, measured + values.size
        if values.size:
            near, median, distant = np.percentile(values, (5, 50, 95))
            medians.append(float(median))
            is_flat = bool(distant - near < FLAT * median)
            flat += is_flat
            share = float((values == values.max()).mean())
            if share > STOPPED_SHARE and not is_flat:
                stops.setdefault(float(values.max()), []).append(share)
            far += int((values > FARTHEST_M).sum())
    stop_m, shares = max(stops.items(), key=lambda stop: len(stop[1]), default=(float("nan"), []))
    if len(shares) <= STOPPED_MAPS * maps:
        stop_m, shares = float("nan"), []
    return TruthSurvey(
        maps,
        maps - len(medians),
        flat,
        1 - measured / pixels if pixels else 1.0,
        far / measured if measured else 0.0,
        float(np.median(medians)) if medians else float("nan"),
        stop_m,
        float(np.mean(shares)) if shares else 0.0,
    )


@dataclass
class TruthRange:
    """Range of truth over the evaluated frames."""

    above_m: float = 0.0  # nearer truth never counts, whatever the cap
    nearest_m: float = math.inf
    farthest_m: float = 0.0

    def add(self, truth_m: Array) -> None:
        """Add the truth of one more frame, (H, W) metres; NaN and 0 are unknown."""
        values = truth_m[known(truth_m)]
        values = values[values > self.above_m]
        if values.size:
            self.nearest_m = min(self.nearest_m, float(values.min()))
            self.farthest_m = max(self.farthest_m, float(values.max()))

    def check_cap(self, cap_m: float | None) -> None:
        """Raise ConfigError if there is truth and the requested cap leaves out all of it."""
        if cap_m is not None and cap_m < self.nearest_m < math.inf:
            raise ConfigError(
                f"--cap {cap_m:g} leaves out all truth, which is {self.nearest_m:.3g} to {self.farthest_m:.3g} m away"
            )
