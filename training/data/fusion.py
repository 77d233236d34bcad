# SPDX-License-Identifier: Apache-2.0
"""Fusion samples from simulated drives: the pipeline's stages run on rendered images and scans, so errors are real.

A sample is a file `<key>/<seed>.npy`, where the key stands for all settings that decide its content: float16 (C, H, W),
the input channels of SCADC-guided, then visible depth, true depth and the mask of true returns. Everything SCADC needs
is among them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geo_perception._types import Array
from geo_perception.errors import ConfigError, DataError
from geo_perception.frames import StereoLidarFrame
from geo_perception.networks.scadc_guided import FEATURES, UNIT_M
from geo_perception.outputs import writing, written_aside
from geo_perception.pipelines import StereoLidarFusion, StereoLidarFusionConfig
from geo_perception.pipelines.stereo_lidar_fusion.scadc_guided_features import fusion_features
from geo_perception.progress import track
from geo_perception.simulation.drive import DriveConfig, DriveSimulator
from geo_perception.workers import end_with_parent

FORMAT = 2  # part of the key: samples that the simulator or the pipeline would make otherwise are made anew
CHANNELS = (*FEATURES, "truth_m", "true_return")
MAX_DEPTH_M = 80.0
# Metres and share by which a return may miss the truth and still be one of the surface.
RETURN_TOLERANCE = (0.5, 0.05)


@dataclass(frozen=True)
class FusionBatch:
    """Crops of samples, float32 (B, ., H, W)."""

    features: Tensor  # (B, 16, H, W), see networks.scadc_guided.FEATURES
    truth_m: Tensor  # (B, 1, H, W) metres, 0 = unknown
    true_return: Tensor  # (B, 1, H, W) 1 at visible returns that lie on the seen surface

    def channel(self, name: str) -> Tensor:
        """Return one input channel (B, 1, H, W) by name."""
        index = FEATURES.index(name)
        return self.features[:, index : index + 1]

    @property
    def stereo_m(self) -> Tensor:
        """Stereo depth (B, 1, H, W), metres."""
        return UNIT_M * torch.exp(self.channel("log_stereo"))

    @property
    def lidar_m(self) -> Tensor:
        """Completed lidar depth (B, 1, H, W), metres."""
        return UNIT_M * torch.exp(self.channel("log_lidar"))

    @property
    def sparse_m(self) -> Tensor:
        """Visible returns (B, 1, H, W), metres, 0 = none."""
        return self.channel("return_mask") * self.lidar_m * torch.exp(self.channel("sparse_excess"))


def prepare_samples(folder: Path, seeds: range, smooth_share: float, workers: int) -> list[Path]:
    """Make the missing samples of `seeds`; an interrupted run continues where it stopped.

    Args:
        folder: folder of samples, which may hold those of other settings, too.
        seeds: seeds of the streets.
        smooth_share: share of samples whose stereo comes from `smooth_matcher` instead of the pipeline's matcher.
        workers: processes; each needs about 1 GB.

    Raises:
        DataError: a worker died.
    """
    place = folder / sample_key(smooth_share)
    with writing(place):
        place.mkdir(parents=True, exist_ok=True)
    paths = [place / f"{seed:06d}.npy" for seed in seeds]
    jobs = [(seed, path, smooth_share) for seed, path in zip(seeds, paths, strict=True) if not path.exists()]
    with ProcessPoolExecutor(workers, initializer=_single_thread) as pool:
        try:
            for _ in track(pool.map(_make_sample, jobs), "simulating", len(jobs), "sample", hidden=not jobs):
                pass
        except BrokenProcessPool as error:
            raise DataError(f"a simulation worker died; fewer than {workers} workers may help") from error
    return paths


def sample_key(smooth_share: float) -> str:
    """Compute the name of the folder of samples with these settings: a hash of all that decides their content."""
    pipeline = asdict(_pipeline_config())
    described = [FORMAT, CHANNELS, smooth_share, RETURN_TOLERANCE, asdict(DriveConfig()), pipeline]
    return hashlib.sha256(json.dumps(described, default=str, sort_keys=True).encode()).hexdigest()[:16]


def _pipeline_config() -> StereoLidarFusionConfig:
    return StereoLidarFusionConfig(fusion="confidence")


def _single_thread() -> None:
    end_with_parent()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _make_sample(job: tuple[int, Path, float]) -> None:
    seed, path, smooth_share = job
    random = np.random.default_rng(seed)
    frame = DriveSimulator(seed).frame(int(random.integers(0, 20)))
    disparity = smooth_matcher(frame, random) if random.random() < smooth_share else None
    sample = sample_from_frame(frame, disparity)
    with written_aside(path) as aside, aside.open("wb") as file:
        np.save(file, sample)


def sample_from_frame(frame: StereoLidarFrame, disparity_px: Array | None = None) -> NDArray[np.float16]:
    """Make a sample (C, H, W), float16 in the order of CHANNELS.

    Raises:
        DataError: the frame has no truth or no lidar return in view.
    """
    pipeline = StereoLidarFusion(_pipeline_config())
    stereo = pipeline.stereo_estimate(frame.left, frame.right, frame.rig, disparity_px)
    lidar = pipeline.lidar_estimate(
        frame.left, frame.points_lidar, frame.rig, frame.camera_from_lidar, stereo
    )
    if lidar is None or frame.depth_truth_m is None:
        raise DataError(f"frame {frame.name} needs truth and at least one lidar return in view")
    inputs = pipeline.fusion_inputs(frame.left, frame.right, stereo, lidar, frame.rig)
    truth = frame.depth_truth_m
    metres, share = RETURN_TOLERANCE
    with np.errstate(invalid="ignore"):
        on_surface = np.abs(lidar.sparse_depth_m - truth) < np.maximum(metres, share * truth)
    extra = np.stack((np.nan_to_num(truth), on_surface)).astype(np.float16)
    return np.concatenate((fusion_features(inputs).astype(np.float16), extra))


def smooth_matcher(frame: StereoLidarFrame, random: np.random.Generator) -> Array:
    """Make a disparity (H, W) with a learned matcher's errors: dense, correlated noise, edges bleeding outwards.

    It is made from the truth, so that the fusion learns not to trust stereo blindly where every pixel is "matched".
    """
    assert frame.depth_truth_m is not None
    truth = frame.rig.disparity_from_depth(np.nan_to_num(frame.depth_truth_m, nan=10 * MAX_DEPTH_M))
    shape = truth.shape
    soft = cv2.GaussianBlur(truth, (0, 0), random.uniform(1.0, 3.5))
    bled = np.where(smooth_noise(shape, 24, random) > random.uniform(-1.0, 0.5), soft, truth)
    error = random.uniform(0.1, 0.5) * smooth_noise(shape, 40, random) + random.uniform(
        0.05, 0.3
    ) * smooth_noise(shape, 6, random)
    # as matchers trained elsewhere have it
    biased = random.uniform(0.97, 1.03) * bled + random.uniform(-0.5, 0.5)
    return np.maximum(biased + error, np.float32(0.5)).astype(np.float32)


def smooth_noise(shape: tuple[int, ...], cell_px: int, random: np.random.Generator) -> Array:
    """Generate smooth noise of unit variance whose features are about `cell_px` wide."""
    coarse = random.standard_normal((shape[0] // cell_px + 2, shape[1] // cell_px + 2)).astype(np.float32)
    fine = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return fine / max(float(fine.std()), 1e-6)


def random_batches(
    paths: list[Path], crop: tuple[int, int], batch: int, seed: int, start: int
) -> Iterator[FusionBatch]:
    """Yield endless batches of random crops; batch i depends on (seed, i) alone, for resumed runs."""
    samples = [open_sample(path) for path in paths]
    height, width = samples[0].shape[1:]
    if crop[0] > height or crop[1] > width:
        raise ConfigError(f"crop {crop} is larger than the samples, {(height, width)}")
    step = start
    while True:
        random = np.random.default_rng((seed, step))
        crops = []
        for index in random.integers(0, len(samples), batch):
            top, left = random.integers(0, height - crop[0] + 1), random.integers(0, width - crop[1] + 1)
            cut = samples[index][:, top : top + crop[0], left : left + crop[1]].astype(np.float32)
            crops.append(cut)
        yield _batch(np.stack(crops), random)
        step += 1


def whole_frames(paths: list[Path], multiple: int) -> Iterator[FusionBatch]:
    """Yield every sample as a batch of one, first rows and last columns cut so that `multiple` divides both sizes."""
    for path in paths:
        sample = open_sample(path).astype(np.float32)
        height, width = (size - size % multiple for size in sample.shape[1:])
        yield _batch(sample[None, :, -height:, :width])


def open_sample(path: Path) -> NDArray[np.float16]:
    """Open a sample (C, H, W), memory-mapped. Raises DataError if the file is damaged."""
    try:
        sample: NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"the sample {path} is damaged ({error}); remove it and start again") from error
    if sample.ndim != 3 or len(sample) != len(CHANNELS) or sample.dtype != np.float16:
        raise DataError(f"the sample {path} holds {sample.shape} {sample.dtype}; remove it and start again")
    return sample


def _batch(values: Array, random: np.random.Generator | None = None) -> FusionBatch:
    if random is not None:  # exposure of the camera; everything else is geometry
        grey = values[:, FEATURES.index("grey")]
        grey[:] = np.clip(grey ** random.uniform(0.7, 1.4) * random.uniform(0.7, 1.3), 0, 1)
    tensor = torch.from_numpy(values)
    count = len(FEATURES)
    return FusionBatch(tensor[:, :count], tensor[:, count : count + 1], tensor[:, count + 1 :])
