# SPDX-License-Identifier: Apache-2.0
"""Unit of a data set's depth: as the user states it, as its files state it, or as its kind of set has it.

A wrong unit makes depth wrong by a factor of 4 to 1000, and looks fine. So the assumed unit is checked against the
numbers: where they are no depth of a room in it but would be in another unit, an error asks the user for it. KITTI's
1/256 m read as millimetres still look like a small room: that gets a warning only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from geo_perception.datasets.rgbd.depth_files import (
    CEILING_M,
    METRES,
    ROOM_M,
    DepthReader,
    DepthUnit,
    Stored,
    is_sentinel,
    read_stored,
)
from geo_perception.errors import ConfigError, DataError
from geo_perception.geometry.plausibility import report_doubts

NAMED = {"m": 1.0, "cm": 100.0, "mm": 1000.0}  # units in a metre
TUM_PER_M = 5000.0
KITTI_PER_M = 256.0
PER_M = (0.001, 1e6)
LIKELY_M = (0.5, 7.0)  # median depth at which another unit is plausible
LOOKED_AT = 8  # files, evenly spread
# Median depth as millimetres below which a room in KITTI's unit is as likely: that makes 3.5 m of it.
CLOSE_M = 0.9
CLIPPED = 0.05  # share of pixels from which a map's largest value is where the sensor or renderer stops
LARGEST = 1e5  # number that a measurement may be stored as, in any unit
LARGEST_TEXT = 65536  # bytes; recorders' settings are short
SCALE_SUFFIXES = (".json", ".yaml", ".yml", ".txt", ".ini", ".cfg")
# Open3D and RealSense, ScanNet and BundleFusion, ORB-SLAM, Nerfstudio and others
SCALE = re.compile(
    r"[\"']?\b(?:\w+\.)?(depth_?scale|png_depth_scale|m_depthShift|depthShift|DepthMapFactor|depth_factor)[\"']?"
    r"\s*[:=]\s*\[?\s*([-+.\deE]+)",
    re.IGNORECASE,
)

ALLOWED = "m, cm, mm, or how many units make a metre (5000 in TUM's sets, 256 in KITTI's)"
HOW = f"state the unit (--depth-unit, in training a fourth part of --data): {ALLOWED}"


def parse_unit(text: str) -> float | None:
    """Parse the user's unit to stored numbers in a metre, None for an empty text.

    Raises:
        ConfigError: neither a name in NAMED nor a number within PER_M.
    """
    if not text:
        return None
    if text in NAMED:
        return NAMED[text]
    try:
        per_m = float(text)
    except ValueError:
        per_m = float("nan")
    if not PER_M[0] <= per_m <= PER_M[1]:
        raise ConfigError(f"depth unit must be {ALLOWED}; got {text!r}")
    return per_m


def settled(
    reader: DepthReader, files: Sequence[Path], stated_per_m: float | None = None, root: Path | None = None
) -> DepthReader:
    """Return the reader with the unit that the evidence supports; doubts are logged.

    Args:
        reader: has the unit of sets of this kind.
        files: depth files of the set; some of them are sampled, damaged ones are skipped.
        stated_per_m: the user's unit, which overrides all others.
        root: folder whose settings may name the unit.

    Raises:
        DataError: the numbers are no depth of a room in the assumed unit, but are in another; or two settings differ.
    """
    if stated_per_m is not None:
        return replace(reader, unit=DepthUnit(stated_per_m, f"{stated_per_m:g} units a metre, as stated"))
    recorded = scale_in(root) if root is not None else None
    unit = reader.unit if recorded is None else replace(METRES, integers=recorded)
    spans = [span for path in _spread(files) if (span := _span(path, unit)) is not None]
    for kind in dict.fromkeys(span.unit for span in spans):
        of_kind = [span for span in spans if span.unit == kind]
        _check(kind, of_kind)
        if recorded is None and kind.per_m == NAMED["mm"]:
            report_doubts(str(root or spans[0].path.parent), _doubts(of_kind))
    return replace(reader, unit=unit)


def note_on(reader: DepthReader, path: Path) -> str:
    """Describe what is assumed of a set's depth files, from one of them. Raises DataError if it cannot be read."""
    return f"depth is in {reader.unit.of(read_stored(path)).reason}"


def scale_in(root: Path) -> DepthUnit | None:
    """Find the unit in a recorder's settings in a folder, None where they state none.

    Open3D writes units in a metre (1000), librealsense the metres of a unit (0.001): the size tells which.

    Raises:
        DataError: two settings differ.
    """
    found: dict[float, str] = {}
    for path in sorted(p for p in root.glob("*") if p.suffix.lower() in SCALE_SUFFIXES and p.is_file()):
        if path.stat().st_size > LARGEST_TEXT:
            continue
        for name, number in SCALE.findall(path.read_text(encoding="utf-8", errors="replace")):
            value = _number(number)
            if value is not None and value != 1:
                found.setdefault(round(value if value > 1 else 1 / value, 6), f"{name} in {path}")
    if len(found) > 1:
        said = " and ".join(f"{per_m:g} a metre ({origin})" for per_m, origin in found.items())
        raise DataError(f"{root}: depth units are said to be {said}; {HOW}")
    return next(
        (DepthUnit(n, f"{n:g} units a metre ({origin})", ROOM_M, CEILING_M) for n, origin in found.items()),
        None,
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 1 / PER_M[1] <= value <= PER_M[1] else None


def _check(unit: DepthUnit, spans: Sequence[_Span]) -> None:
    """Raise DataError if the depth is not a room's in this unit, but is in another."""
    median_m, far_m = _middle(spans)
    if unit.usual_m[0] <= median_m <= unit.usual_m[1] and far_m <= unit.ceiling_m:
        return
    others = {name: unit.per_m / per_m * median_m for name, per_m in _others(unit.per_m).items()}
    rooms = [f"{m:.2g} m as {name}" for name, m in others.items() if LIKELY_M[0] <= m <= LIKELY_M[1]]
    if rooms:
        raise DataError(
            f"depth {spans[0].path} and its like: median {median_m:.3g} m (nine of ten below {far_m:.3g} m) as "
            f"{unit.reason}, but {' or '.join(rooms)}; {HOW}"
        )


def _doubts(spans: Sequence[_Span]) -> tuple[str, ...]:
    """List what is unlikely about depth in millimetres, at most one line; usually nothing."""
    median_m, far_m = _middle(spans)
    ratio = NAMED["mm"] / KITTI_PER_M
    if median_m >= CLOSE_M or ratio * median_m < LIKELY_M[0] or ratio * far_m > CEILING_M:
        return ()
    return (
        f"depth has a median of {median_m:.3g} m as {spans[0].unit.reason}, which is close for a room; as KITTI's "
        f"1/{KITTI_PER_M:g} m it is {ratio * median_m:.3g} m: if it is that, state --depth-unit {KITTI_PER_M:g} "
        "(in training a fourth part of --data)",
    )


def _middle(spans: Sequence[_Span]) -> tuple[float, float]:
    """Compute medians over the files: of their median, and of their 90th percentile [m]."""
    return float(np.median([s.median_m for s in spans])), float(np.median([s.far_m for s in spans]))


def _others(per_m: float) -> dict[str, float]:
    names = {**NAMED, f"1/{TUM_PER_M:g} m": TUM_PER_M, f"1/{KITTI_PER_M:g} m": KITTI_PER_M}
    return {name: n for name, n in names.items() if not 0.8 < n / per_m < 1.25}


def _spread(files: Sequence[Path]) -> list[Path]:
    step = max(1, len(files) // LOOKED_AT)
    return list(files[::step][:LOOKED_AT])


@dataclass(frozen=True)
class _Span:
    """Distribution of one file's measured depth."""

    path: Path
    unit: DepthUnit
    median_m: float
    far_m: float  # nine of ten are nearer


def _span(path: Path, believed: DepthUnit) -> _Span | None:
    """Measure one file; None for files without depth and for unreadable ones, which the reader reports."""
    try:
        stored = read_stored(path)
    except DataError:
        return None
    values, unit = measured(stored), believed.of(stored)
    if not values.size:
        return None
    median_m, far_m = np.percentile(values, (50, 90)) / unit.per_m
    return _Span(path, unit, float(median_m), float(far_m))


def measured(stored: Stored) -> Stored:
    """Select measurements: finite, positive, no sentinel, and not where the sensor or renderer stops."""
    with np.errstate(invalid="ignore", over="ignore"):
        wide = stored.astype(np.float64)  # half precision ends below the limit here
    values: Stored = wide[np.isfinite(wide) & (wide > 0) & (wide < LARGEST) & ~is_sentinel(stored)]
    if values.size:
        inner: Stored = values[values < values.max()]
        if 0 < inner.size < (1 - CLIPPED) * values.size:
            return inner
    return values
