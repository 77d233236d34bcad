# SPDX-License-Identifier: Apache-2.0
"""The KITTI folder layouts as `FrameDataset`s: object/stereo, raw drive, odometry sequence, single frame."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from glob import escape
from pathlib import Path

from geo_perception.datasets.files import read_lines
from geo_perception.datasets.folders import IMAGE_SUFFIXES, by_stem, files_in
from geo_perception.datasets.frame_dataset import FrameDataset, FrameFiles
from geo_perception.errors import DataError

LEFT_FOLDERS = ("image_02", "image_2")
RIGHT_FOLDERS = ("image_03", "image_3")
LIDAR_FOLDERS = ("velodyne_points", "velodyne")
CALIBRATION_FOLDERS = ("calib", "calib_cam_to_cam")
TRUTH_FOLDERS = ("disp_occ_0", "disp_noc_0")
PRECOMPUTED_FOLDERS = ("psmnet_disparity",)

# Frames without time stamps follow each other at the lidar's rate; none is 0, which tf2 reads as "latest".
FRAME_PERIOD_NS = 100_000_000
FIRST_STAMP_NS = 1_000_000_000
LAST_SECOND = 9e9  # that 64 bits of nanoseconds hold

logger = logging.getLogger(__name__)


def is_single_frame(root: Path) -> bool:
    """Return whether a folder holds a single frame, named left.png, right.png, lidar.bin, calib.txt."""
    return (root / "left.png").is_file()


def open_single_frame(root: Path) -> FrameDataset:
    """Open the single frame of a folder with left.png, right.png, calib.txt and, perhaps, lidar.bin."""
    cloud = root / "lidar.bin"
    frame = FrameFiles(
        root.resolve().name,
        FIRST_STAMP_NS,
        _file(root / "left.png"),
        _file(root / "right.png"),
        (_file(root / "calib.txt"),),
        points=cloud if cloud.is_file() else None,
    )
    return FrameDataset("KITTI single frame", root, (frame,))


def is_raw_drive(root: Path) -> bool:
    """Return whether a folder is a drive `*_sync` or `*_extract` (has image_02/data), or a date folder with drives."""
    return (root / "image_02" / "data").is_dir() or bool(_drives(root))


def open_raw_drive(root: Path) -> FrameDataset:
    """Open a raw drive with the calibration of its date folder; stamps are those of image_02.

    A few clouds are missing in the published drives, so a frame without its cloud has N = 0 points; how many
    is logged.
    """
    drive = _single_drive(root)
    calibration = tuple(
        _calibration_beside(drive, name) for name in ("calib_cam_to_cam.txt", "calib_velo_to_cam.txt")
    )
    left, right = drive / "image_02" / "data", _folder(drive / "image_03" / "data")
    images = _images(left)
    stamps = _stamps_by_name(images, drive / "image_02" / "timestamps.txt", _utc_ns)
    clouds = drive / "velodyne_points" / "data"
    truths = drive / "proj_depth" / "groundtruth" / "image_02"
    frames = tuple(
        FrameFiles(
            image.stem,
            stamp_ns,
            image,
            _partner(right, image),
            calibration,
            points=_optional(clouds / f"{image.stem}.bin"),
            truth_depth=_optional(truths / f"{image.stem}.png"),
        )
        for image, stamp_ns in zip(images, stamps, strict=True)
    )
    _report_missing_clouds(frames, clouds)
    return FrameDataset("KITTI raw drive", drive, frames)


def is_odometry(root: Path) -> bool:
    """Return whether a folder is an odometry sequence: image_2, calib.txt and times.txt."""
    return (root / "times.txt").is_file() and _first(root, LEFT_FOLDERS) is not None


def open_odometry(root: Path) -> FrameDataset:
    """Open an odometry sequence; line n of times.txt is the time of image n."""
    images = _images(_require_any(root, LEFT_FOLDERS, "left images"))
    stamps = _stamps_by_name(images, root / "times.txt", _seconds_ns)
    return FrameDataset("KITTI odometry sequence", root, _frames(root, images, stamps))


def is_stereo_folder(root: Path) -> bool:
    """Return whether a folder holds folders of left images, right images and more, one file a frame."""
    return _first(root, LEFT_FOLDERS) is not None


def open_stereo_folder(root: Path) -> FrameDataset:
    """Open object, stereo 2015 and similar folders: one folder a sensor, one file a frame, calib.txt or calib/."""
    images = _images(_require_any(root, LEFT_FOLDERS, "left images"))
    stamps = [FIRST_STAMP_NS + FRAME_PERIOD_NS * index for index in range(len(images))]
    return FrameDataset("KITTI object/stereo folder", root, _frames(root, images, stamps))


def _frames(root: Path, images: Sequence[Path], stamps_ns: Sequence[int]) -> tuple[FrameFiles, ...]:
    right = _require_any(root, RIGHT_FOLDERS, "right images")
    clouds, truths = _first(root, LIDAR_FOLDERS), _first(root, TRUTH_FOLDERS)
    precomputed = _first(root, PRECOMPUTED_FOLDERS)
    return tuple(
        FrameFiles(
            image.stem,
            stamp_ns,
            image,
            _partner(right, image),
            (_frame_calibration(root, image.stem),),
            points=_file(clouds / f"{image.stem}.bin") if clouds else None,
            truth_disparity=_optional(truths / f"{image.stem}.png") if truths else None,
            precomputed_disparity=_optional(precomputed / f"{image.stem}.png") if precomputed else None,
        )
        for image, stamp_ns in zip(images, stamps_ns, strict=True)
    )


def _frame_calibration(root: Path, name: str) -> Path:
    """Find calib.txt, which is for all frames, or the frame's own; stereo 2015's 000000_10 and _11 share 000000.txt."""
    if (root / "calib.txt").is_file():
        return root / "calib.txt"
    stems = (name, name.partition("_")[0])
    candidates = [root / folder / f"{stem}.txt" for folder in CALIBRATION_FOLDERS for stem in stems]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise DataError(f"{root}: no calibration for frame {name}; looked for calib.txt, calib/{name}.txt")
    return found


def _images(folder: Path) -> list[Path]:
    images = files_in(folder)
    by_stem(images)
    if not images:
        raise DataError(f"{folder} holds no image ({', '.join(IMAGE_SUFFIXES)})")
    return images


def _partner(folder: Path, image: Path) -> Path:
    """Find the file of the same name in another folder, whatever its suffix."""
    partner = folder / image.name
    if partner.is_file():
        return partner
    found = by_stem(files_in(folder, pattern=f"{escape(image.stem)}.*")).get(image.stem)
    if found is None:
        raise DataError(f"frame {image.stem}: {partner} is missing, partner of {image}")
    return found


def _stamps_by_name(images: Sequence[Path], times: Path, parse: Callable[[str], int]) -> list[int]:
    """Look up the stamps of images whose names are line numbers (a sequence may be a part of the recording).

    KITTI keeps the empty line of a frame that was lost, so empty lines count.
    """
    lines = read_lines(times, blanks=True)
    stamps = []
    for image in images:
        if not image.stem.isdecimal() or int(image.stem) >= len(lines):
            raise DataError(f"{image}: no time stamp, {times} has {len(lines)} lines")
        line = lines[int(image.stem)]
        if not line:
            raise DataError(f"{image}: line {int(image.stem) + 1} of {times} is empty, as of a lost frame")
        stamps.append(parse(line))
    return stamps


def _seconds_ns(line: str) -> int:
    try:
        seconds = float(line)
        if not abs(seconds) < LAST_SECOND:
            raise ValueError(line)
        return FIRST_STAMP_NS + round(seconds * 1e9)
    except ValueError as error:
        raise DataError(f"times.txt: expected seconds, got {line!r}") from error


def _utc_ns(line: str) -> int:
    """Parse `2011-09-26 13:02:25.594360375` (nine digits, which datetime cannot hold) to nanoseconds since 1970."""
    whole, _, fraction = line.partition(".")
    try:
        moment = datetime.strptime(whole, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
        return int(moment.timestamp()) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9])
    except ValueError as error:
        raise DataError(f"timestamps.txt: expected 'YYYY-MM-DD hh:mm:ss.fraction', got {line!r}") from error


def _drives(root: Path) -> list[Path]:
    return sorted(p for p in root.glob("*_drive_*") if (p / "image_02" / "data").is_dir())


def _single_drive(root: Path) -> Path:
    if (root / "image_02" / "data").is_dir():
        return root
    drives = _drives(root)
    if len(drives) != 1:
        raise DataError(f"{root} holds {len(drives)} drives, name one: {', '.join(d.name for d in drives)}")
    return drives[0]


def _calibration_beside(drive: Path, name: str) -> Path:
    """Find a calibration file in the date folder above the drive, where KITTI has it, or in the drive itself."""
    for folder in (drive.resolve().parent, drive):
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{name} is missing: expected in the date folder {drive.resolve().parent}")


def _report_missing_clouds(frames: Sequence[FrameFiles], clouds: Path) -> None:
    missing = [frame.name for frame in frames if frame.points is None]
    if missing:
        logger.warning(
            "%s: %d of %d frames have no cloud, first %s", clouds, len(missing), len(frames), missing[0]
        )


def _first(root: Path, names: Sequence[str]) -> Path | None:
    return next((root / name for name in names if (root / name).is_dir()), None)


def _require_any(root: Path, names: Sequence[str], what: str) -> Path:
    folder = _first(root, names)
    if folder is None:
        raise DataError(f"{root}: no folder of {what}, expected {' or '.join(names)}")
    return folder


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise DataError(f"folder {path} is missing")
    return path


def _file(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"{path} is missing")
    return path


def _optional(path: Path) -> Path | None:
    return path if path.is_file() else None
