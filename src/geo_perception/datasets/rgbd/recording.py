# SPDX-License-Identifier: Apache-2.0
"""Writer of a robot camera's recordings as a training set, in SimSIN's layout with six digits.

FOLDER/drive/000012_0.png, 000012_1.png   left and, from a stereo camera, right image
             000012_0_depth.npy           (H, W) float32 metres, 0 = unknown, where depth was recorded
             environment.json             camera, baseline, stamps, source
FOLDER/stereo.txt     every image that can be a reference: `drive/000012_0 12 l`
FOLDER/temporal.txt   only those with the frames before and after
"""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Image as Image8
from geo_perception.datasets.rgbd.records import RECORD
from geo_perception.datasets.rgbd.set_folder import (
    RECORDINGS,
    check_part_name,
    check_set_folder,
    read_record,
    record_files,
    write_set_lists,
)
from geo_perception.errors import ConfigError, DataError
from geo_perception.geometry import PinholeCamera
from geo_perception.outputs import reason
from geo_perception.scratch import remove_abandoned, scratch_place

LARGEST_GAP = 1.5  # times the usual one: beyond it two frames are no neighbours in time
MOST_FRAMES = 10**6  # names have six digits


@dataclass(frozen=True)
class RecordedFrame:
    """One moment of a recording; rectified."""

    stamp_ns: int
    left: Image8  # (H, W, 3) RGB
    right: Image8 | None
    camera: PinholeCamera  # of both
    baseline_m: float  # 0 without a right image
    depth_m: NDArray[np.float32] | None  # (H, W), 0 = unknown


def write_recording(
    folder: Path, name: str, frames: Iterable[RecordedFrame], every: int = 1, *, source: str = ""
) -> int:
    """Write `folder`/`name` and the lists of all recordings in `folder`; return the number of frames written.

    Args:
        folder: the training set's folder; may hold other recordings.
        name: name of this recording, which appears only once it is complete.
        frames: frames of one camera.
        every: keep one frame of so many, so that the camera moves between neighbours.
        source: where the frames come from, for the record.

    Raises:
        ConfigError: `every` is below 1, or the name cannot be in a list.
        DataError: the recording exists, has no frame, its camera changes, the folder holds something other than
            recordings, or the disk refuses. Nothing of it is in the folder or its lists then.
    """
    check_part_name(name)
    check_set_folder(folder, RECORDINGS)
    if every < 1:
        raise ConfigError(f"every must be at least 1, got {every}")
    target = folder / name
    if target.exists():
        write_lists(folder)  # a run that was killed just before it did leaves them behind
        raise DataError(f"{target} exists already; remove it or choose another name")
    try:
        remove_abandoned(folder)
        with scratch_place(target) as part:
            part.mkdir()
            record = _write(part, filter(_usable, islice(frames, 0, None, every)))
            text = json.dumps({**record, "source": source}, indent=1) + "\n"
            (part / RECORD).write_text(text, encoding="utf-8")
            part.rename(target)
        _list(folder, target)
    except OSError as error:
        raise DataError(f"recording {target} cannot be written: {reason(error)}") from error
    return len(record["stamps_ns"])


def _list(folder: Path, target: Path) -> None:
    """Bring the lists up to date; a recording that they cannot take is removed."""
    try:
        write_lists(folder)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def _write(part: Path, frames: Iterable[RecordedFrame]) -> dict[str, Any]:
    """Write image and depth files; return the record."""
    first, stamps_ns = None, []
    for number, frame in enumerate(frames):
        first = first or frame
        _check_same(first, frame, number)
        _save_image(part / f"{number:06d}_0.png", frame.left)
        if frame.right is not None:
            _save_image(part / f"{number:06d}_1.png", frame.right)
        if frame.depth_m is not None:
            np.save(part / f"{number:06d}_0_depth.npy", frame.depth_m.astype(np.float32))
        stamps_ns.append(frame.stamp_ns)
    if first is None:
        raise DataError("the recording has no frame")
    return {
        "camera": first.camera.pixels,
        "config": {"baseline_m": first.baseline_m},
        "depth": first.depth_m is not None,
        "stamps_ns": stamps_ns,
    }


def _usable(frame: RecordedFrame) -> bool:
    """Return whether the frame has any depth where it should; depth cameras sometimes measure nothing at all."""
    return frame.depth_m is None or bool((frame.depth_m > 0).any())


def _check_same(first: RecordedFrame, frame: RecordedFrame, number: int) -> None:
    if (frame.camera, frame.baseline_m) != (first.camera, first.baseline_m):
        raise DataError(f"frame {number}: the camera is {frame.camera}, it was {first.camera}")
    if number >= MOST_FRAMES:
        raise DataError(f"more than {MOST_FRAMES} frames")


def _save_image(path: Path, image: Image8) -> None:
    _, data = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    path.write_bytes(data.tobytes())


def write_lists(folder: Path) -> None:
    """Write stereo.txt and temporal.txt of all recordings in `folder`."""
    stereo: list[str] = []
    temporal: list[str] = []
    for path in record_files(folder):
        record = read_record(path)
        letters = {0: "l", 1: "r"} if record["config"]["baseline_m"] and not record["depth"] else {0: "l"}
        inner = neighboured(record["stamps_ns"])
        for number in range(len(record["stamps_ns"])):
            lines = [f"{path.parent.name}/{number:06d}_{side} {number} {letters[side]}" for side in letters]
            stereo += lines
            temporal += lines if number in inner else []
    write_set_lists(folder, stereo, temporal)


def neighboured(stamps_ns: list[int]) -> set[int]:
    """Find the frames whose neighbours are not much farther away in time than usual; returns their indices."""
    gaps = [after - before for before, after in pairwise(stamps_ns)]
    if not gaps:
        return set()
    largest = LARGEST_GAP * statistics.median(gaps)
    near = [0 < gap <= largest for gap in gaps]
    return {number for number in range(1, len(gaps)) if near[number - 1] and near[number]}
