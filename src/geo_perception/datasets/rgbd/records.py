# SPDX-License-Identifier: Apache-2.0
"""Records beside recordings and simulated rooms: camera, baseline, and whether there is depth."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

from geo_perception.datasets.rgbd.intrinsics import NormalizedIntrinsics, shares_of
from geo_perception.errors import DataError, InputError
from geo_perception.geometry import PinholeCamera
from geo_perception.geometry.plausibility import check_possible, doubts, report_doubts

RECORD = "environment.json"


def recorded_depth(folder: Path, paths: Iterable[str]) -> list[bool]:
    """Return for each path whether its recording has depth. Raises DataError if one has no record."""
    found = []
    for name in dict.fromkeys(str(Path(path).parent) for path in paths):
        path = folder / name / RECORD
        try:
            found.append(bool(json.loads(path.read_text(encoding="utf-8"))["depth"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is no record of a recording ({error!r})") from error
    return found


def recorded_cameras(folder: Path, paths: Iterable[str]) -> dict[str, tuple[NormalizedIntrinsics, float]]:
    """Read camera and baseline [m] of the sub-folders that record one. Raises DataError if a record is malformed."""
    found = {}
    for name in dict.fromkeys(str(Path(path).parent) for path in paths):
        path = folder / name / RECORD
        if path.is_file():
            found[name] = _recorded(path)
    return found


def _recorded(path: Path) -> tuple[NormalizedIntrinsics, float]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        values, baseline_m = record["camera"], float(record["config"]["baseline_m"])
        fx, fy, cx, cy = (float(values[name]) for name in ("fx", "fy", "cx", "cy"))
        camera = PinholeCamera(fx, fy, cx, cy, int(values["width"]), int(values["height"]))
        check_possible(camera)
        if not math.isfinite(baseline_m) or baseline_m < 0:
            raise InputError(f"baseline must be metres from 0 on, got {baseline_m}")
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DataError(f"{path} does not record a camera and a baseline ({error!r})") from error
    except InputError as error:
        raise DataError(f"{path}: {error}") from error
    report_doubts(str(path), doubts(camera))
    return shares_of(camera), baseline_m
