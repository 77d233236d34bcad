# SPDX-License-Identifier: Apache-2.0
"""Images without depth as `RgbdFrame`s of one camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geo_perception._types import Image
from geo_perception.datasets.folders import IMAGE_SUFFIXES, files_in
from geo_perception.datasets.images import HEIF_SUFFIXES, read_rgb
from geo_perception.datasets.rgbd.camera_source import Lens
from geo_perception.datasets.rgbd.videos import read_video
from geo_perception.errors import DataError
from geo_perception.frames import RgbdFrame

__all__ = ["PICTURE_SUFFIXES", "picture_files", "read_pictures", "read_video"]


PICTURE_SUFFIXES = (*IMAGE_SUFFIXES, *HEIF_SUFFIXES)  # HEIF is refused with advice


def picture_files(path: Path) -> list[Path]:
    """List the images of a folder, img2 before img10, or the image that the path names. Empty if there is none."""
    if path.is_dir():
        return files_in(path, PICTURE_SUFFIXES)
    return [path] if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file() else []


def read_pictures(files: list[Path], lens: Lens, period_ns: int) -> Iterator[RgbdFrame]:
    """Read images in the given order, one every `period_ns`.

    Raises:
        DataError: a file is missing or damaged, or they differ in size: one camera takes one size.
    """
    first: Image | None = None
    for index, file in enumerate(files):
        image = read_rgb(file, upright=True)
        first = image if first is None else first
        if image.shape != first.shape:
            raise DataError(
                f"{file} is {image.shape[1]}x{image.shape[0]}, {files[0].name} is {first.shape[1]}x{first.shape[0]}: "
                "the images of one camera have one size"
            )
        rectified, camera = lens(image, str(file))
        yield RgbdFrame(file.stem, rectified, camera, stamp_ns=(index + 1) * period_ns)
