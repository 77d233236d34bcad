# SPDX-License-Identifier: Apache-2.0
"""Stereo by PSMNet and lidar completion by SSDC, with whatever weights a model folder holds."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from geo_perception.errors import InputError, WeightsError
from geo_perception.inference.cpu import optimise
from geo_perception.networks.psmnet import normalise
from geo_perception.pipelines.model_choice import ModelChoice
from geo_perception.pipelines.stereo_lidar_fusion.padding import crop, pad_to_multiple
from geo_perception.weights import ModelCard, find_model, load_model, read_card

Array = NDArray[np.float32]
Image = NDArray[np.uint8]
SSDC_MULTIPLE = 16
MAX_DISPARITY_PX = 192  # of PSMNet unless its card says another
FARTHEST_PX = 0.1  # smaller disparities than PSMNet can tell from zero


def load_for(stage: str, network: str, choice: ModelChoice) -> tuple[nn.Module, ModelCard]:
    """The optimised network of `choice` and its card; raises as `load_plain`."""
    module, card = load_plain(stage, (network,), choice)
    return optimise(module, precision=choice.precision), card


def load_plain(stage: str, fitting: tuple[str, ...], choice: ModelChoice) -> tuple[nn.Module, ModelCard]:
    """The network of `choice` in its reference form, which must be one of the fitting ones, and its card.

    Raises:
        WeightsError: no model was named (none is shipped), or it holds another network.
    """
    if not choice.model:
        raise WeightsError(
            f"{stage}: {' or '.join(fitting)} needs a model (a name in models/ or a folder); none ships with this "
            "package, `geo-perception weights list` shows the official ones and how to import them"
        )
    card = read_card(find_model(choice.model))
    if card.network not in fitting:
        raise WeightsError(
            f"{stage}: model {choice.model!r} holds network {card.network!r}, "
            f"{' or '.join(map(repr, fitting))} is needed"
        )
    return load_model(choice.model, choice.device), card


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
