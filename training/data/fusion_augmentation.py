# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on real streets more often than in simulated ones, added to crops of fusion samples."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception.networks.scadc_guided import FEATURES, UNIT_M
from geo_perception.pipelines.fusion_features import DISPARITY_GAP_PX

Array = NDArray[np.float32]

CHANNELS = (*FEATURES, "truth_m", "true_return")
MAX_DEPTH_M = 80.0
FOCAL_BASELINE = 384.38  # px m, of the simulated rig


def channel(sample: Array, name: str) -> Array:
    """A view of one channel, (H, W)."""
    return sample[CHANNELS.index(name)]


def worsen_smooth_stereo(sample: Array, random: np.random.Generator) -> Array:
    """Add correlated noise, up to 0.8 px, to the stereo of a sample whose every pixel counts as matched.

    Learned matchers away from their training data are off by 0.7 px (standard deviation on street recordings), more
    than `smooth_matcher` gives; drawing the noise anew for every crop makes more of each sample. Changed in place.
    """
    log_stereo = channel(sample, "log_stereo")
    if not channel(sample, "stereo_matched").all():
        return sample
    stereo_px = FOCAL_BASELINE / UNIT_M * np.exp(-log_stereo)
    noise = random.uniform(0, 0.8) * smooth_noise(log_stereo.shape, int(random.integers(6, 60)), random)
    noisy_px = np.maximum(stereo_px + noise, FOCAL_BASELINE / MAX_DEPTH_M)
    log_stereo[:] = np.log(FOCAL_BASELINE / UNIT_M / noisy_px)
    return with_gap(sample)


def with_gap(sample: Array) -> Array:
    """The sample with its disparity gap computed anew from both depth maps."""
    stereo_px, lidar_px = (
        FOCAL_BASELINE / UNIT_M * np.exp(-channel(sample, name)) for name in ("log_stereo", "log_lidar")
    )
    channel(sample, "disparity_gap")[:] = np.tanh((stereo_px - lidar_px) / DISPARITY_GAP_PX)
    return sample


def smooth_noise(shape: tuple[int, ...], cell_px: int, random: np.random.Generator) -> Array:
    """Smooth noise of unit variance whose features are about `cell_px` wide."""
    coarse = random.standard_normal((shape[0] // cell_px + 2, shape[1] // cell_px + 2)).astype(np.float32)
    fine = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return fine / max(float(fine.std()), 1e-6)
