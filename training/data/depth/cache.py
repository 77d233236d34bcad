# SPDX-License-Identifier: Apache-2.0
"""Cache of all samples of a run, resized once to plain arrays on disk, so that the loader never slows training."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geo_perception._types import Array
from geo_perception._types import Image as Image8
from geo_perception.datasets.rgbd.set_names import STEREO, Entry
from geo_perception.datasets.rgbd.training_lists import IndoorSet
from geo_perception.errors import DataError
from geo_perception.evaluation.truth_survey import survey_truth
from geo_perception.outputs import check_folder, reason
from geo_perception.progress import say, track
from geo_perception.scratch import remove_abandoned, scratch_place
from training.data.depth.hints import depth_hint

T = TypeVar("T")
DIGEST = "digest.txt"
FARTHEST_M = 1000.0  # of a hint, to fit into half precision
SURVEYED = 64  # depth maps that are checked before training
FORMAT = 3  # part of the key: caches of another layout, or whose files were read otherwise, are built anew


@dataclass(frozen=True)
class Cache:
    """Arrays of N samples over M different images, memory-mapped."""

    frames: tuple[str, ...]
    images: NDArray[np.uint8]  # (M,H,W,3) RGB
    rows: NDArray[np.int32]  # (N, frames): row in `images` of each frame
    depths_m: NDArray[np.float16] | None  # (N,H,W), 0 = unknown
    hints_m: NDArray[np.float16] | None  # (N,H,W) from stereo matching, 0 = none; kept if asked for
    cameras: Array  # (N,5): fx, fy, cx, cy as shares of the size; x of the stereo partner in metres, signed
    digest: str = ""  # of all of the above, independent of the files' place: identifies the training data
    remarks: tuple[str, ...] = ()  # assumptions about the data, and impossible values

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def size(self) -> tuple[int, int]:
        """Size as (height, width)."""
        return int(self.images.shape[1]), int(self.images.shape[2])

    def image(self, sample: int, frame: str) -> Image8:
        """Return (H,W,3) RGB of one frame of a sample."""
        return np.asarray(self.images[self.rows[sample, self.frames.index(frame)]])


def build_cache(
    sets: Sequence[IndoorSet],
    frames: Sequence[str],
    size: tuple[int, int],
    folder: Path,
    workers: int = 2,
    *,
    hints: bool = False,
) -> Cache:
    """Open the cache of these sets in `folder`, building it if missing; a killed build leaves nothing behind.

    Args:
        sets: sets to concatenate in this order. Depth is kept if all of them have it.
        frames: frames of a sample to keep, e.g. ("0", "-1", "1", "s").
        size: (height, width) of the cache; larger than the network's where crops are zoomed.
        folder: one sub-folder per combination of the above.
        workers: number of threads.
        hints: keep depth hints, too.

    Raises:
        DataError: any file of any sample is missing or damaged.
    """
    target = folder / (key_of(sets, frames, size) + ("-hints" if hints else ""))
    if not target.is_dir():
        check_folder(folder, "--cache")
        remove_abandoned(folder)
        try:
            with scratch_place(target) as aside:
                aside.mkdir()
                _build(sets, tuple(frames), size, aside, workers)
                if hints:
                    _add_hints(aside, workers)
                    (aside / DIGEST).write_text(_digest_of(aside), encoding="utf-8")
                aside.replace(target)
        except OSError as error:
            if not target.is_dir():  # else another process was first
                raise DataError(f"cannot write the cache {target}: {reason(error)}") from error
    return remarked(open_cache(target), sets)


def remarked(cache: Cache, sets: Sequence[IndoorSet]) -> Cache:
    """Return the cache with remarks on assumptions about its depth and impossible values, which are also logged."""
    if cache.depths_m is None:
        return cache
    shown = np.linspace(0, len(cache) - 1, min(SURVEYED, len(cache))).astype(int)
    survey = survey_truth(np.asarray(cache.depths_m[i], np.float32) for i in shown)
    assumed = [line for indoor in sets for line in indoor.assumptions()]
    remarks = (*assumed, *(f"{', '.join(str(s.folder) for s in sets)}: {line}" for line in survey.remarks()))
    for line in remarks:
        say(line)
    return replace(cache, remarks=remarks)


def open_cache(folder: Path) -> Cache:
    """Open a built cache. Raises DataError if it has been damaged since."""
    try:
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r")
            if (folder / f"{name}.npy").exists()
            else None
            for name in ("images", "rows", "depths_m", "hints_m", "cameras")
        }
        frames = tuple(json.loads((folder / "frames.json").read_text(encoding="utf-8")))
        digest = (folder / DIGEST).read_text(encoding="utf-8")
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"the cache {folder} is damaged ({error}); remove it and start again") from error
    if arrays["images"] is None or arrays["rows"] is None or arrays["cameras"] is None:
        raise DataError(f"the cache {folder} lacks files; remove it and start again")
    return Cache(
        frames,
        arrays["images"],
        np.array(arrays["rows"]),
        arrays["depths_m"],
        arrays["hints_m"],
        np.array(arrays["cameras"]),
        digest,
    )


def key_of(sets: Sequence[IndoorSet], frames: Sequence[str], size: tuple[int, int]) -> str:
    """Compute the name of a cache: a hash of all that decides its content, with size and time of every file.

    Raises:
        DataError: a file is missing.
    """
    text = json.dumps([FORMAT, [_described(s, frames) for s in sets], list(frames), list(size)])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _described(indoor: IndoorSet, frames: Sequence[str]) -> list[object]:
    """Collect everything about a set that decides what is read from it."""
    entries = [
        (
            vars(e),
            _camera(indoor, e),
            [_state(indoor.image_path(e, frame), "image") for frame in frames],
            _depth_state(indoor, e),
        )
        for e in indoor.entries
    ]
    return [
        indoor.name,
        str(indoor.folder.resolve()),
        indoor.crop,
        repr(indoor.read_depth_file.unit),
        entries,
    ]


def _depth_state(indoor: IndoorSet, entry: Entry) -> tuple[int, int] | None:
    return None if indoor.depth_file is None else _state(indoor.folder / indoor.depth_file(entry), "depth")


def _state(path: Path, what: str) -> tuple[int, int]:
    """Return size and time of a file."""
    try:
        status = path.stat()
    except OSError as error:
        said = "is missing" if not path.exists() else f"cannot be read: {reason(error)}"
        raise DataError(f"{what} {path} {said}") from error
    return status.st_size, status.st_mtime_ns


def _digest_of(folder: Path) -> str:
    """Compute the hash of a cache's arrays."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.glob("*.npy")):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def _build(
    sets: Sequence[IndoorSet], frames: tuple[str, ...], size: tuple[int, int], folder: Path, workers: int
) -> None:
    samples = [(indoor, entry) for indoor in sets for entry in indoor.entries]
    files: dict[Path, tuple[IndoorSet, Entry, str]] = {}
    for indoor, entry in samples:
        for frame in frames:
            files.setdefault(indoor.image_path(entry, frame), (indoor, entry, frame))
    number = {path: i for i, path in enumerate(files)}
    rows = [[number[indoor.image_path(entry, frame)] for frame in frames] for indoor, entry in samples]
    cameras = [_camera(indoor, entry) for indoor, entry in samples]
    images = _create(folder / "images.npy", (len(files), *size, 3), np.uint8)

    def keep_image(job: tuple[int, tuple[IndoorSet, Entry, str]]) -> None:
        images[job[0]] = resize_image(job[1][0].image(job[1][1], job[1][2]), size)

    def keep_depth(job: tuple[int, tuple[IndoorSet, Entry]]) -> None:
        depth_m = job[1][0].depth(job[1][1])
        assert depth_m is not None
        depths[job[0]] = resize_depth(depth_m, size)

    with ThreadPoolExecutor(workers) as pool:
        jobs = list(enumerate(files.values()))
        _run(pool, keep_image, jobs, "images")
        if all(indoor.depth_file is not None for indoor in sets):
            depths = _create(folder / "depths_m.npy", (len(samples), *size), np.float16)
            _run(pool, keep_depth, list(enumerate(samples)), "depth")
            for indoor in sets:
                if said := indoor.read_depth_file.tally.text():
                    say(f"{indoor.folder}: {said}")
    np.save(folder / "rows.npy", np.asarray(rows, np.int32))
    np.save(folder / "cameras.npy", np.asarray(cameras, np.float32))
    (folder / "frames.json").write_text(json.dumps(frames), encoding="utf-8")
    (folder / DIGEST).write_text(_digest_of(folder), encoding="utf-8")


def _add_hints(folder: Path, workers: int) -> None:
    cache = open_cache(folder)
    width = cache.size[1]
    hints = _create(folder / "hints_m.npy", (len(cache), *cache.size), np.float16)

    def keep_hint(i: int) -> None:
        fx, *_, stereo_x_m = cache.cameras[i]
        hint = depth_hint(cache.image(i, "0"), cache.image(i, STEREO), float(fx) * width, float(stereo_x_m))
        hints[i] = np.minimum(hint, FARTHEST_M)

    with ThreadPoolExecutor(workers) as pool:
        _run(pool, keep_hint, list(range(len(cache))), "hints")


def _camera(indoor: IndoorSet, entry: Entry) -> tuple[float, ...]:
    intrinsics, baseline_m = indoor.camera(entry)
    return (*vars(intrinsics).values(), indoor.side(entry) * baseline_m)


def _run(pool: ThreadPoolExecutor, work: Callable[[T], object], jobs: Sequence[T], what: str) -> None:
    for _ in track(pool.map(work, jobs), f"caching {what}", len(jobs), "file", hidden=len(jobs) < 50):
        pass


def _create(path: Path, shape: tuple[int, ...], kind: type) -> NDArray[Any]:
    array = np.lib.format.open_memmap(path, "w+", kind, shape)
    # claimed now: a disk that fills up later kills whoever writes to mapped memory
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def resize_image(image: Image8, size: tuple[int, int]) -> Image8:
    """Resize (h,w,3) by Lanczos, as the published loaders do; the aspect is not kept."""
    if image.shape[:2] == size:
        return image
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.LANCZOS))


def resize_depth(depth_m: Array, size: tuple[int, int]) -> Array:
    """Resize (h,w) by nearest neighbour, so that no depth is made up between two surfaces."""
    if depth_m.shape == size:
        return depth_m
    return np.asarray(cv2.resize(depth_m, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT))
