# SPDX-License-Identifier: Apache-2.0
"""Recorded data on disk as sequences of `StereoLidarFrame`, whatever the folder's layout."""

from __future__ import annotations

from pathlib import Path

from geo_perception.datasets.frame_dataset import FrameDataset, FrameFiles
from geo_perception.datasets.kitti import (
    is_odometry,
    is_raw_drive,
    is_single_frame,
    is_stereo_folder,
    open_odometry,
    open_raw_drive,
    open_single_frame,
    open_stereo_folder,
)
from geo_perception.errors import DataError

__all__ = ["FrameDataset", "FrameFiles", "open_dataset"]

# First match wins: an odometry sequence looks like a stereo folder that also has times.
LAYOUTS = (
    (is_single_frame, open_single_frame),
    (is_raw_drive, open_raw_drive),
    (is_odometry, open_odometry),
    (is_stereo_folder, open_stereo_folder),
)


def open_dataset(path: str | Path) -> FrameDataset:
    """Open the frames of a KITTI object/stereo folder, raw drive, odometry sequence or single-frame folder.

    Opening checks that every frame has all its files; their content is read, and checked, frame by frame.

    Raises:
        DataError: no such folder, an unknown layout, or a frame without calibration or partner.
    """
    root = Path(path)
    if not root.is_dir():
        raise DataError(f"data set {root} is no folder")
    try:
        for candidate in (root, root / "training"):  # KITTI's benchmark archives unpack into training/
            for matches, opener in LAYOUTS:
                if matches(candidate):
                    return opener(candidate)
    except OSError as error:
        raise DataError(f"data set {root} cannot be read: {error}") from error
    found = ", ".join(sorted(p.name for p in root.iterdir())[:8]) or "nothing"
    raise DataError(
        f"data set {root}: layout not recognised, found {found}; expected image_02 and image_03 (or image_2, "
        "image_3), a raw drive with image_02/data, or left.png and right.png"
    )
