# SPDX-License-Identifier: Apache-2.0
"""A folder of frames as a lazy sequence: nothing but file names is held until a frame is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np

from geo_perception._types import Array
from geo_perception.datasets.calibration import OPTICAL_FROM_BODY, Calibration, read_calibration
from geo_perception.datasets.files import read_map16, read_points
from geo_perception.datasets.images import read_rgb
from geo_perception.errors import DataError, InputError
from geo_perception.frames import StereoLidarFrame
from geo_perception.geometry import StereoRig, require_returns


@dataclass(frozen=True)
class FrameFiles:
    """Paths of one frame's files; None = this frame has no such file."""

    name: str
    stamp_ns: int
    left: Path
    right: Path
    calibration: tuple[Path, ...]
    points: Path | None = None
    truth_disparity: Path | None = None  # 16-bit, px * 256
    truth_depth: Path | None = None  # 16-bit, m * 256
    precomputed_disparity: Path | None = None  # 16-bit, px * 256


@dataclass(frozen=True)
class FrameDataset(Sequence[StereoLidarFrame]):
    """Sequence of frames with `len`, index, slice and iteration; files are read at access, calibrations once."""

    kind: str  # e.g. "KITTI object/stereo folder"
    root: Path
    files: tuple[FrameFiles, ...]
    _calibrations: dict[tuple[Path, ...], Calibration] = field(
        default_factory=dict, repr=False, compare=False
    )
    _rigs: dict[tuple[tuple[Path, ...], int, int], StereoRig] = field(
        default_factory=dict, repr=False, compare=False
    )

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, index: int) -> StereoLidarFrame: ...

    @overload
    def __getitem__(self, index: slice) -> FrameDataset: ...

    def __getitem__(self, index: int | slice) -> StereoLidarFrame | FrameDataset:
        """Read one frame, or return the data set of a slice of them.

        Raises:
            IndexError: beyond the last frame.
            DataError: a file of the frame is missing, damaged or contradicts the others.
        """
        if isinstance(index, slice):
            return FrameDataset(self.kind, self.root, self.files[index], self._calibrations, self._rigs)
        return self._read(self.files[index])

    @property
    def has_precomputed_disparity(self) -> bool:
        """True if every frame comes with a precomputed disparity."""
        return bool(self.files) and all(f.precomputed_disparity is not None for f in self.files)

    def precomputed_disparity(self, index: int) -> Array:
        """Read the (H, W) precomputed disparity in px (`psmnet_disparity/`), NaN = none.

        Raises:
            DataError: the frame has none.
        """
        files = self.files[index]
        if files.precomputed_disparity is None:
            raise DataError(f"{self.root} has no precomputed disparity for frame {files.name}")
        return read_map16(files.precomputed_disparity)

    def _read(self, files: FrameFiles) -> StereoLidarFrame:
        left, right = read_rgb(files.left), read_rgb(files.right)
        if left.shape != right.shape:
            raise DataError(
                f"{files.left} is {left.shape}, {files.right} is {right.shape}: sizes must be equal"
            )
        calibration = self._calibration(files)
        rig = self._rig(files, calibration, left.shape[1], left.shape[0])
        return StereoLidarFrame(
            files.name,
            files.stamp_ns,
            left,
            right,
            _returns(files.points) if files.points else np.empty((0, 4), np.float32),
            rig,
            OPTICAL_FROM_BODY if calibration.camera_from_lidar is None else calibration.camera_from_lidar,
            _truth(files, rig),
        )

    def _calibration(self, files: FrameFiles) -> Calibration:
        if files.calibration not in self._calibrations:
            self._calibrations[files.calibration] = read_calibration(*files.calibration)
        calibration = self._calibrations[files.calibration]
        if files.points and calibration.camera_from_lidar is None:
            names = " + ".join(str(path) for path in files.calibration)
            raise DataError(
                f"calibration {names} has no lidar pose (Tr_velo_to_cam, Tr or R and T) for {files.points}"
            )
        return calibration

    def _rig(self, files: FrameFiles, calibration: Calibration, width: int, height: int) -> StereoRig:
        """Return one shared rig per size, because a camera caches its rays."""
        key = (files.calibration, width, height)
        return self._rigs.setdefault(key, calibration.rig(width, height))


def _returns(path: Path) -> Array:
    """Read the returns of a cloud file, which may be empty. Raises DataError if none of its points is a return."""
    try:
        return require_returns(read_points(path))
    except InputError as error:
        raise DataError(f"point cloud {path}: {error}") from error


def _truth(files: FrameFiles, rig: StereoRig) -> Array | None:
    if files.truth_depth:
        truth = read_map16(files.truth_depth)
    elif files.truth_disparity:
        truth = rig.depth_from_disparity(read_map16(files.truth_disparity))
    else:
        return None
    if truth.shape != rig.left.size:
        raise DataError(
            f"truth of frame {files.name} is {truth.shape}, image is {rig.left.size} (height, width)"
        )
    return truth
