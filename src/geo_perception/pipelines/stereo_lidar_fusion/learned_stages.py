# SPDX-License-Identifier: Apache-2.0
"""Stereo by PSMNet and lidar completion by SSDC, with whatever weights a model folder holds."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geo_perception._types import Array, Image
from geo_perception.errors import InputError
from geo_perception.networks.psmnet import normalise
from geo_perception.pipelines.common import ModelChoice
from geo_perception.pipelines.models import load_for
from geo_perception.pipelines.stereo_lidar_fusion.padding import crop, pad_to_multiple

SSDC_MULTIPLE = 16
MAX_DISPARITY_PX = 192  # of PSMNet unless its card says another
FARTHEST_PX = 0.1  # smaller disparities than PSMNet can tell from zero


class LearnedStereo:
    """PSMNet as a stereo matcher: every pixel counts as matched."""

    def __init__(self, choice: ModelChoice) -> None:
        """Load the model; raises WeightsError."""
        self._network, self.card = load_for("stereo", "psmnet", choice)
        self._device = torch.device(choice.device)
        self._max_disparity_px = int(self.card.config.get("maxdisp", MAX_DISPARITY_PX))

    def search(self, wanted_px: int) -> int:
        """The network's own number of disparities, whatever was asked for."""
        return self._max_disparity_px

    def __call__(self, left: Image, right: Image, search_px: int = 0) -> tuple[Array, NDArray[np.bool_]]:
        """Disparity (H, W) px of the left image, and a mask that is True everywhere."""
        with torch.inference_mode():
            disparity: Array = self._network(self._tensor(left), self._tensor(right))[0].float().cpu().numpy()
        return np.maximum(disparity, np.float32(FARTHEST_PX)), np.ones(disparity.shape, np.bool_)

    def _tensor(self, image: Image) -> Tensor:
        channels = torch.from_numpy(image).to(self._device).permute(2, 0, 1)[None]
        return normalise(channels.float() / 255)


class LearnedCompletion:
    """SSDC as lidar completion, for any of its input kinds that has depth."""

    def __init__(self, choice: ModelChoice) -> None:
        """Load the model; raises WeightsError."""
        self._network, self.card = load_for("completion", "ssdc", choice)
        self._device = torch.device(choice.device)
        self._kind = str(self.card.config.get("input", "gd"))

    def __call__(self, sparse_depth_m: Array, left: Image) -> Array:
        """Dense depth (H, W) metres; NaN everywhere without a return."""
        if np.isnan(sparse_depth_m).all():
            return np.full_like(sparse_depth_m, np.nan)
        sparse = torch.from_numpy(np.nan_to_num(sparse_depth_m))[None, None].to(self._device)
        inputs = [pad_to_multiple(sparse, SSDC_MULTIPLE)]
        if self._kind != "d":
            inputs.append(pad_to_multiple(self._image(left), SSDC_MULTIPLE))
        with torch.inference_mode():
            return crop(self._network(*inputs), *sparse_depth_m.shape)

    def _image(self, left: Image) -> Tensor:
        if self._kind not in ("gd", "rgbd"):
            raise InputError(f"SSDC input {self._kind!r} has no depth; completion needs d, gd or rgbd")
        values = cv2.cvtColor(left, cv2.COLOR_RGB2GRAY)[..., None] if self._kind == "gd" else left
        return torch.from_numpy(values).to(self._device).permute(2, 0, 1)[None].float()
