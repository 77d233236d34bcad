# SPDX-License-Identifier: Apache-2.0
"""Conversion of a user's indoor data to a bag of one camera: RGB-D folders, images, videos, bags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from geo_perception.datasets.rgbd import RgbdDataset, find_rgbd
from geo_perception.datasets.rgbd.camera_source import CalibrationFile, Lens
from geo_perception.datasets.rgbd.image_folder import (
    PICTURE_SUFFIXES,
    picture_files,
    read_pictures,
    read_video,
)
from geo_perception.errors import ConfigError, DataError, GeoPerceptionError, InputError
from geo_perception.frames import RgbdFrame
from geo_perception.geometry import PinholeCamera
from geo_perception.pipelines.indoor_depth.pipeline import check_camera, checked_image
from geo_perception.progress import say
from geo_perception.ros.bags import CAMERA_TOPICS, CameraMessages, is_bag, read_camera_bag, write_bag
from geo_perception.ros.live_eval.task import BagSource, Request
from geo_perception.ros.live_eval.topic_discovery import camera_topics

PERIOD_NS = 100_000_000  # between images that have no times
PREFIX = "/demo"


def indoor_source(request: Request) -> BagSource:
    """Find or make the bag to play.

    Raises:
        DataError: the data are damaged or of no known kind.
        ConfigError: the camera is not known, or the bag has several.
    """
    path = request.path
    if request.depth_unit and (not path.is_dir() or is_bag(path)):
        raise ConfigError(f"--depth-unit is for RGB-D folders, {path} is none")
    if is_bag(path):
        return _from_bag(request)
    if not path.is_dir():
        return _from_pictures(request) if picture_files(path) else _from_video(request)
    data_set = find_rgbd(path, request.depth_unit)
    if data_set is not None:
        return _from_rgbd(request, data_set)
    if picture_files(path):
        if request.depth_unit:
            raise ConfigError(f"--depth-unit is for RGB-D folders, {path} holds images without depth")
        return _from_pictures(request)
    several = [folder.name for folder in sorted(path.iterdir()) if _is_rgbd(folder)]
    if several:
        raise DataError(f"{path} holds several RGB-D folders; give one of them: {', '.join(several)}")
    kinds = ", ".join(suffix.lstrip(".") for suffix in PICTURE_SUFFIXES)
    raise DataError(f"{path} holds no image ({kinds}), and is neither an RGB-D folder nor a bag")


def _is_rgbd(folder: Path) -> bool:
    """Return whether a folder can be played; other files in it do not matter."""
    try:
        return folder.is_dir() and find_rgbd(folder) is not None
    except GeoPerceptionError:
        return False


def _from_rgbd(request: Request, data_set: RgbdDataset) -> BagSource:
    if request.lens is not None:
        raise ConfigError(
            f"{request.path} ({data_set.kind}) has its own camera: leave out --camera and --hfov"
        )
    say(f"{request.path} ({data_set.kind}): {data_set.registration}")
    part = data_set[: request.frames]
    stamped = (replace(frame, stamp_ns=(i + 1) * PERIOD_NS) for i, frame in enumerate(part))
    assumed = part.assumptions()[:1]
    for line in assumed:
        say(f"{request.path}: {line}")
    note = "; ".join((data_set.registration, *assumed))
    return _written(request, stamped, len(part), data_set.kind, note)


def _from_pictures(request: Request) -> BagSource:
    files = picture_files(request.path)[: request.frames]
    return _written(request, read_pictures(files, _lens(request), PERIOD_NS), len(files), "images")


def _from_video(request: Request) -> BagSource:
    return _written(request, read_video(request.path, _lens(request)), request.frames, "video")


def _from_bag(request: Request) -> BagSource:
    """Take a bag as it is, or rewrite it with the camera that it lacks."""
    topics = camera_topics(request.path, request.arguments)
    if topics.left_info and request.lens is None:
        next(usable(request.path, read_camera_bag(request.path, topics)))
        note = f"truth is what the bag has on {topics.truth}"
        return BagSource(request.path, topics, PREFIX, note=note)
    lens = _lens(request)
    topics = replace(topics, left_info="", truth="")  # rectified images would not fit recorded truth
    unknown = read_camera_bag(request.path, topics, camera_of=_nothing_known)
    return _written(request, _seen_through(lens, unknown), request.frames, "bag")


def usable(path: Path, frames: Iterable[RgbdFrame]) -> Iterator[RgbdFrame]:
    """Yield the frames. Raises DataError for one that the node would refuse, for whose result it would wait in vain."""
    for frame in frames:
        try:
            checked_image(frame.image)
            check_camera(frame.camera, (frame.image.shape[0], frame.image.shape[1]))
        except InputError as error:
            raise DataError(f"{path}, frame {frame.name}: {error}") from error
        yield frame


def _nothing_known(width: int, height: int) -> PinholeCamera:
    """Return a placeholder camera, which the lens replaces."""
    return PinholeCamera(1.0, 1.0, 0.0, 0.0, width, height)


def _seen_through(lens: Lens, frames: Iterable[RgbdFrame]) -> Iterator[RgbdFrame]:
    for frame in frames:
        image, camera = lens(frame.image, f"frame {frame.name}")
        yield replace(frame, image=image, camera=camera)


def _lens(request: Request) -> Lens:
    """Return the lens. Raises ConfigError where it is not given."""
    if request.lens is None:
        raise ConfigError(
            f"the camera of {request.path} is not known: give --hfov DEGREES, the lens's horizontal field of view, "
            "or --camera FILE, a camera_info YAML as ROS's camera calibration writes it"
        )
    if isinstance(request.lens, CalibrationFile) and request.lens.distorts:
        say(f"images are rectified as {request.lens.path} says")
    return request.lens


def _written(
    request: Request, frames: Iterable[RgbdFrame], total: int, kind: str, note: str = "no truth"
) -> BagSource:
    """Write the frames, as many as requested, as a bag."""
    path: Path = request.folder / f"{request.path.resolve().stem}-{total}"
    first = usable(request.path, islice(frames, request.frames))
    write_bag(path, first, overwrite=True, progress=True, total=total, messages=CameraMessages())
    return BagSource(path, CAMERA_TOPICS, PREFIX, kind=kind, note=note)
