# SPDX-License-Identifier: Apache-2.0
"""Search for calibration files beside images, and cameras from them for images of a given size."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from geo_perception.datasets.rgbd.calibration_formats import (
    CSV_FOCAL,
    colmap,
    json_text,
    key_value_text,
    matrix_text,
    pincam,
    read_stated,
    realsense_csv,
    yaml_text,
)
from geo_perception.datasets.rgbd.stated_camera import Size, StatedCamera, is_resized, same_focal
from geo_perception.errors import DataError, InputError
from geo_perception.geometry import PinholeCamera
from geo_perception.geometry.plausibility import check_possible, doubts, report_doubts

Parse = Callable[[str], list[StatedCamera]]

# Names that are reserved for calibrations: their content must be one. The first found is taken.
NAMES: tuple[tuple[str, Parse], ...] = (
    *((f"{name}.txt", matrix_text) for name in ("camera-intrinsics", "camera_intrinsics", "intrinsics", "intrinsic",
                                                 "K", "cam_K", "calibration", "calib")),
    *((f"{folder}intrinsic_color.txt", matrix_text) for folder in ("intrinsic/", "intrinsics/", "")),
    *((f"{name}.json", json_text) for name in ("camera_intrinsic", "camera_intrinsics", "camera-intrinsics",
                                               "intrinsic", "intrinsics", "color_intrinsics", "rgb_intrinsics",
                                               "cam_params", "camera", "camera_info", "camera_params", "calibration",
                                               "calib", "transforms", "scene_camera")),
    *((f"{name}.{end}", yaml_text) for name in ("camera_info", "camera", "calibration", "calib", "ost", "color",
                                                "rgb", "intrinsics") for end in ("yaml", "yml")),
    ("_info.txt", key_value_text),
    ("camera_matrix.csv", matrix_text),
    *((f"{folder}cameras.txt", colmap) for folder in ("", "sparse/0/", "sparse/", "colmap/sparse/0/")),
)  # fmt: skip

# Names that other files have, too: they count only if they contain intrinsics.
PATTERNS: tuple[tuple[str, Parse, str], ...] = (
    ("info.txt", key_value_text, "m_calibrationColorIntrinsic"),
    ("{folder}.txt", key_value_text, "fx_color"),
    ("metadata", json_text, r'"(K|fx|intrinsic\w*)"'),
    ("metadata.json", json_text, r'"(K|fx|fl_x|intrinsic\w*)"'),
    ("*olor*etadata*.csv", realsense_csv, CSV_FOCAL.pattern),
    ("*.yaml", yaml_text, r"camera_matrix|\bCamera1?\.fx|intrinsics"),
    ("*.yml", yaml_text, r"camera_matrix|\bCamera1?\.fx|intrinsics"),
    ("*.pincam", pincam, ""),
)

ABOVE: tuple[tuple[str, Parse, str], ...] = (
    ("camera-intrinsics.txt", matrix_text, ""),
    ("_info.txt", key_value_text, ""),
    ("info.txt", key_value_text, "m_calibrationColorIntrinsic"),
)


@dataclass(frozen=True)
class FoundCalibration:
    """A calibration file and the cameras that it states."""

    path: Path
    alternatives: tuple[StatedCamera, ...]  # for different image sizes

    def camera(self, width: int, height: int) -> PinholeCamera:
        """Compute the camera of images of this size, scaled where the file is for another size of the same view.

        Raises:
            DataError: another aspect, or intrinsics that cannot be of such an image.
        """
        stated = self._for(width, height)
        try:
            camera = PinholeCamera.from_info(stated.K, *(stated.size or (width, height)))
            check_possible(camera)
        except InputError as error:
            raise DataError(f"calibration {self.path}: {error}") from error
        report_doubts(f"calibration {self.path}", (*doubts(camera), *_distortion_note(stated)))
        return camera if camera.size == (height, width) else camera.scaled(width, height)

    def described(self) -> str:
        """Describe where the camera comes from, for messages."""
        stated = self.alternatives[0]
        size = "" if stated.size is None else "for " + " or ".join(_text(s.size) for s in self.alternatives)
        notes = ", ".join(filter(None, (size, stated.remark)))
        return f"camera of {self.path.name}" + (f" ({notes})" if notes else "")

    def _for(self, width: int, height: int) -> StatedCamera:
        """Find the alternative of the image's aspect."""
        for stated in self.alternatives:
            size = stated.size or (width, height)
            if is_resized(size, (width, height)):
                return stated
        sizes = " or ".join(_text(stated.size) for stated in self.alternatives)
        raise DataError(
            f"calibration {self.path} is for {sizes}, the image is {width}x{height}: another aspect"
        )


def find_calibration(root: Path) -> FoundCalibration | None:
    """Find the calibration in a folder; None if there is none. Further files that contradict it are named in a warning.

    Raises:
        DataError: a file whose name is reserved for a calibration is none, or is damaged.
    """
    found = [FoundCalibration(path, tuple(read_stated(path, parse))) for path, parse in _candidates(root)]
    if not found:
        return None
    first, *others = found
    for other in others:
        if not _agree(first, other):
            said = f"{first.path.name} is taken, {other.path.name} says otherwise: " + " against ".join(
                _focal(one.alternatives[0]) for one in (first, other)
            )
            report_doubts(f"calibration {root}", (said,))
    return first


def find_calibration_above(root: Path) -> FoundCalibration | None:
    """Find the calibration where 12-Scenes and tsdf-fusion keep it, above the frames' folder. Raises DataError."""
    for name, parse, mark in ABOVE:
        path = root.resolve().parent / name
        if path.is_file() and _speaks(path, mark):
            return FoundCalibration(path, tuple(read_stated(path, parse)))
    return None


def read_calibration_file(path: Path) -> FoundCalibration:
    """Read a calibration file by its known name or, failing that, by its known suffix. Raises DataError."""
    endings: dict[str, Parse] = {
        ".json": json_text,
        ".txt": matrix_text,
        ".csv": matrix_text,
        ".pincam": pincam,
    }
    parse = dict(NAMES).get(path.name, endings.get(path.suffix.lower()))
    if parse is None:
        raise DataError(
            f"calibration {path}: ending {path.suffix!r} is not one of {', '.join(endings)}, .yaml, .yml"
        )
    return FoundCalibration(path, tuple(read_stated(path, parse)))


def _candidates(root: Path) -> Iterator[tuple[Path, Parse]]:
    seen = set()
    for name, parse in NAMES:
        path = _named(root / name)
        if path is not None:
            seen.add(path)
            yield path, parse
    for pattern, parse, mark in PATTERNS:
        paths = sorted(root.glob(pattern.replace("{folder}", _literal(root.resolve().name))))
        chosen = [p for p in paths if p not in seen and p.is_file() and _speaks(p, mark)]
        yield from ((path, parse) for path in chosen[:1])


def _named(path: Path) -> Path | None:
    """Find the file of this name in any case: Camera_Intrinsic.JSON counts, too."""
    if path.is_file():
        return path
    others = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    return next((p for p in others if p.name.lower() == path.name.lower() and p.is_file()), None)


def _literal(name: str) -> str:
    """Escape what `glob` would take for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _speaks(path: Path, mark: str) -> bool:
    try:
        return re.search(mark, path.read_text(encoding="utf-8-sig", errors="replace")) is not None
    except OSError as error:
        raise DataError(f"calibration {path} cannot be read: {error.strerror}") from error


def _agree(one: FoundCalibration, other: FoundCalibration) -> bool:
    """Return whether two files describe the same camera; sizes are compared where both state them."""
    first, second = one.alternatives[0], other.alternatives[0]
    scale = 1.0 if first.size is None or second.size is None else first.size[0] / second.size[0]
    return same_focal(first.K, scale * second.K)


def _distortion_note(stated: StatedCamera) -> tuple[str, ...]:
    if not stated.distortion:
        return ()
    return (
        f"distortion coefficients {list(stated.distortion)} are not undone: images are taken as rectified",
    )


def _focal(stated: StatedCamera) -> str:
    size = "" if stated.size is None else f" for {_text(stated.size)}"
    return f"fx {stated.K[0, 0]:g}, fy {stated.K[1, 1]:g}{size}"


def _text(size: Size | None) -> str:
    return "any size" if size is None else f"{size[0]}x{size[1]}"
