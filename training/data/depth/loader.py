# SPDX-License-Identifier: Apache-2.0
"""Loader of batches that depend on (seed, step) alone, so that resumed and distributed runs see the same data."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Annotated

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from geo_perception._types import Array
from geo_perception.errors import ConfigError
from training.data.depth.augmentation import Photographic, augment
from training.data.depth.cache import Cache
from training.options import SEED, SHARE, Range

MULTIPLE, MIN_SIDE = 32, 64  # of the sides that networks take


@dataclass(frozen=True)
class LoaderOptions:
    """Options for making batches of samples."""

    # (height, width) of the network
    size: Annotated[tuple[int, int], Range(MIN_SIDE, 4096, multiple=MULTIPLE)] = (192, 192)
    batch: Annotated[int, Range(1, 65536)] = 8  # over all processes
    mirror: Annotated[float, SHARE] = 0.5  # chance; the stereo partner changes sides
    mirror_camera: bool = True  # mirror the principal point, too; the published code does not
    zoom: Annotated[float, Range(1, 16)] = 1.0  # largest magnification of a random crop; intrinsics follow
    # standard deviation of a turn about the optical axis, which leaves depth as it is
    roll_deg: Annotated[float, Range(0, 90)] = 0.0
    # Smallest share of `size` that a batch may have, drawn for each: networks that have seen one room in several sizes
    # look at shapes more than at details. Sides stay multiples of 32; a batch keeps its crops' shape.
    shrink: Annotated[float, Range(0, 1, above=True)] = 1.0
    photographic: Photographic = field(default_factory=Photographic)  # what cameras do to colours
    seed: Annotated[int, SEED] = 0  # of order, crops and colours
    workers: Annotated[int, Range(1, 256)] = 1  # threads that prepare coming batches

    def sized(self, share: float) -> tuple[int, int]:
        """Scale `size` by a share, rounded to sides that the networks take."""
        rows, columns = (max(MIN_SIDE, round(share * side / MULTIPLE) * MULTIPLE) for side in self.size)
        return rows, columns


@dataclass(frozen=True)
class IndoorBatch:
    """B samples at the network's size; frames by name."""

    seen: Mapping[str, Tensor]  # (B,3,H,W) in 0..1, input of the networks, augmented
    true: Mapping[str, Tensor]  # the same without photographic augmentation, for the losses
    pyramid: tuple[Tensor, ...]  # true["0"] at 1, 1/2, 1/4, 1/8
    K: Tensor  # (B,4,4) pixels
    K_inverse: Tensor
    stereo_x_m: Tensor  # (B,) of the partner, signed
    depth_m: Tensor  # (B,1,H,W), 0 = unknown; (B,1,0,0) without
    hint_m: Tensor  # (B,1,H,W) depth hints, 0 = none; (B,1,0,0) without
    sample: Tensor  # (B,) number of the sample in the cache
    step: int

    def to(self, device: torch.device) -> IndoorBatch:
        """Move the batch to another device."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in values.items():
            if isinstance(value, Tensor):
                values[name] = value.to(device)
            elif isinstance(value, tuple):
                values[name] = tuple(one.to(device) for one in value)
            elif isinstance(value, Mapping):
                values[name] = {key: one.to(device) for key, one in value.items()}
        return IndoorBatch(**values)


class Loader:
    """Endless batches of a cache, prepared ahead by threads.

    Raises:
        ConfigError: fewer samples than a batch, a batch the processes cannot share equally, or images turned about
            the optical axis or shrunk whose partners in space or time would have to follow.
    """

    def __init__(self, cache: Cache, options: LoaderOptions, rank: int = 0, ranks: int = 1) -> None:
        if options.batch % ranks:
            raise ConfigError(f"a batch of {options.batch} cannot be shared by {ranks} processes")
        if len(cache) < options.batch:
            raise ConfigError(f"{len(cache)} samples are fewer than a batch of {options.batch}")
        if len(cache.frames) > 1 and (options.roll_deg or options.shrink < 1):
            raise ConfigError(
                f"loader.roll_deg {options.roll_deg:g} and loader.shrink {options.shrink:g} are for single images; "
                f"frames {', '.join(cache.frames)} are read"
            )
        if not 0 < options.shrink <= 1:
            raise ConfigError(f"loader.shrink must lie between 0 and 1, got {options.shrink:g}")
        self.cache, self.options = cache, options
        share = options.batch // ranks
        self.slots = range(rank * share, (rank + 1) * share)

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in one pass over the samples; the rest of a pass is dropped."""
        return len(self.cache) // self.options.batch

    def batch(self, step: int) -> IndoorBatch:
        """Make the batch of a step (this process's part of it)."""
        epoch, position = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng((self.options.seed, 1, epoch)).permutation(len(self.cache))
        chosen = order[position * self.options.batch :]
        size = self._size(step)
        items = [self._item(int(chosen[slot]), step, slot, size) for slot in self.slots]
        return collate(items, step)

    def _size(self, step: int) -> tuple[int, int]:
        """Draw (height, width) of a step's batch."""
        if self.options.shrink == 1:
            return self.options.size
        share = np.random.default_rng((self.options.seed, 4, step)).uniform(self.options.shrink, 1)
        return self.options.sized(share)

    def batches(self, start: int) -> Iterator[IndoorBatch]:
        """Yield batches from step `start` on, in order, while threads prepare the next ones."""
        workers = self.options.workers
        with ThreadPoolExecutor(workers, initializer=lambda: cv2.setNumThreads(1)) as pool:
            ready: deque[Future[IndoorBatch]] = deque()
            step = start
            try:
                while True:
                    while len(ready) <= workers:
                        ready.append(pool.submit(self.batch, step))
                        step += 1
                    yield ready.popleft().result()
            finally:
                for future in ready:
                    future.cancel()

    def _item(self, sample: int, step: int, slot: int, size: tuple[int, int]) -> Item:
        options, cache = self.options, self.cache
        random = np.random.default_rng((options.seed, 2, step, slot))
        view = CropTransform.draw(cache, sample, options, random, size)
        true = {frame: view.image(cache.image(sample, frame)) for frame in cache.frames}
        shared = int(random.integers(2**32))
        seen = {}
        for position, (frame, image) in enumerate(true.items()):
            extra = position if options.photographic.per_frame else 0
            seen[frame] = augment(image, options.photographic, np.random.default_rng((shared, extra)))
        depth_m, hint_m = (
            None if maps is None else view.depth(np.asarray(maps[sample], np.float32))
            for maps in (cache.depths_m, cache.hints_m)
        )
        return Item(seen, true, view.camera, depth_m, hint_m, sample)


@dataclass(frozen=True)
class Item:
    """One sample before it joins a batch."""

    seen: Mapping[str, Array]
    true: Mapping[str, NDArray[np.uint8]]
    camera: Array  # fx, fy, cx, cy in pixels of the network's size, stereo x in metres
    depth_m: Array | None
    hint_m: Array | None
    sample: int


@dataclass(frozen=True)
class CropTransform:
    """A crop of the cached image, perhaps mirrored, resized to the network's size."""

    window: tuple[int, int, int, int]  # top, left, height, width
    mirrored: bool
    size: tuple[int, int]
    camera: Array
    roll_deg: float = 0.0

    @classmethod
    def draw(
        cls,
        cache: Cache,
        sample: int,
        options: LoaderOptions,
        random: np.random.Generator,
        size: tuple[int, int],
    ) -> CropTransform:
        """Draw a random crop of a sample, at this size (height, width)."""
        height, width = cache.size
        share = 1 / random.uniform(1, options.zoom) if options.zoom > 1 else 1.0
        rows, columns = round(height * share), round(width * share)
        top, left = (int(random.integers(0, n + 1)) for n in (height - rows, width - columns))
        mirrored = bool(random.random() < options.mirror)
        camera = crop_camera(cache.cameras[sample], cache.size, (top, left, rows, columns), size)
        if mirrored:
            camera[4] *= -1
            if options.mirror_camera:
                camera[2] = size[1] - 1 - camera[2]
        roll_deg = random.normal(0, options.roll_deg) if options.roll_deg else 0.0
        return cls((top, left, rows, columns), mirrored, size, camera, float(roll_deg))

    def image(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Transform (h,w,3) -> (H,W,3); outside of a turned image is the image mirrored at its edge."""
        fine = self.window[2] >= self.size[0]
        upright = self._apply(image, cv2.INTER_AREA if fine else cv2.INTER_LINEAR)
        return self._turned(upright, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101)

    def depth(self, depth_m: Array) -> Array:
        """Transform (h,w) -> (H,W) by nearest neighbour; unknown (0) outside the image."""
        return self._turned(
            self._apply(depth_m, cv2.INTER_NEAREST_EXACT), cv2.INTER_NEAREST, cv2.BORDER_CONSTANT
        )

    def _turned(self, values: np.ndarray, interpolation: int, border: int) -> np.ndarray:
        """Turn values about the principal point, so that depth along the axis is unchanged."""
        if not self.roll_deg:
            return values
        turn = cv2.getRotationMatrix2D((float(self.camera[2]), float(self.camera[3])), self.roll_deg, 1.0)
        values = np.ascontiguousarray(values)
        return cv2.warpAffine(values, turn, self.size[::-1], flags=interpolation, borderMode=border)

    def _apply(self, values: np.ndarray, interpolation: int) -> np.ndarray:
        top, left, rows, columns = self.window
        cut = values[top : top + rows, left : left + columns]
        cut = cut[:, ::-1] if self.mirrored else cut
        if cut.shape[:2] == self.size:
            return cut
        return cv2.resize(np.ascontiguousarray(cut), self.size[::-1], interpolation=interpolation)


def crop_camera(
    camera: Array, cached: tuple[int, int], window: tuple[int, int, int, int], size: tuple[int, int]
) -> Array:
    """Convert shares of the cached image (edges at 0 and 1) to pixels of the network's image (centres at integers)."""
    top, left, rows, columns = window
    fx, fy, cx, cy, stereo_x = camera
    (height, width), (out_height, out_width) = cached, size
    sx, sy = out_width / columns, out_height / rows
    centre = ((cx * width - left) * sx - 0.5, (cy * height - top) * sy - 0.5)
    values = (fx * width * sx, fy * height * sy, *centre, stereo_x)
    return np.asarray(values, np.float32)


def collate(items: list[Item], step: int) -> IndoorBatch:
    """Stack samples to a batch."""
    frames = items[0].true
    true = {name: _images([item.true[name] for item in items]).float() / 255 for name in frames}
    seen = {name: _images([item.seen[name] for item in items]) for name in frames}
    pyramid = [true["0"]]
    for _ in range(3):
        pyramid.append(F.avg_pool2d(pyramid[-1], 2))
    cameras = torch.from_numpy(np.stack([item.camera for item in items]))
    K, inv_K = matrices(cameras)
    depth_m, hint_m = (_maps([getattr(item, name) for item in items]) for name in ("depth_m", "hint_m"))
    samples = torch.tensor([item.sample for item in items])
    return IndoorBatch(seen, true, tuple(pyramid), K, inv_K, cameras[:, 4], depth_m, hint_m, samples, step)


def _maps(values: list[Array | None]) -> Tensor:
    known = [value for value in values if value is not None]
    return torch.from_numpy(np.stack(known))[:, None] if known else torch.empty(len(values), 1, 0, 0)


def matrices(cameras: Tensor) -> tuple[Tensor, Tensor]:
    """Make (B,4,4) K and its inverse of (B,>=4) fx, fy, cx, cy."""
    fx, fy, cx, cy = cameras[:, :4].unbind(1)
    K = torch.eye(4).repeat(len(cameras), 1, 1)
    inverse = K.clone()
    K[:, 0, 0], K[:, 1, 1], K[:, 0, 2], K[:, 1, 2] = fx, fy, cx, cy
    inverse[:, 0, 0], inverse[:, 1, 1], inverse[:, 0, 2], inverse[:, 1, 2] = (
        1 / fx,
        1 / fy,
        -cx / fx,
        -cy / fy,
    )
    return K, inverse


def _images(images: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
