# SPDX-License-Identifier: Apache-2.0
"""Fusion by a trained network of the SCADC family, chosen by the model card."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from geo_perception._types import Array
from geo_perception.errors import WeightsError
from geo_perception.pipelines.common import ModelChoice
from geo_perception.pipelines.models import executed
from geo_perception.pipelines.stereo_lidar_fusion.estimates import FusionInputs
from geo_perception.pipelines.stereo_lidar_fusion.padding import crop, pad_to_multiple
from geo_perception.pipelines.stereo_lidar_fusion.scadc_guided_features import fusion_features
from geo_perception.weights import find_model, load_model, read_card

DEFAULT_MODEL = "scadc_guided_sim"

# What a network takes, from the inputs of a frame: tensors (1, C, H, W) of the image's size.
Preparation = Callable[[FusionInputs], tuple[Tensor, ...]]


def scadc_inputs(inputs: FusionInputs) -> tuple[Tensor, ...]:
    """Stereo depth, completed depth, visible returns (0 = none) and their mask, as SCADC takes them."""
    returns = ~np.isnan(inputs.lidar.sparse_depth_m)
    sparse = np.where(returns, inputs.lidar.sparse_depth_m, np.float32(0))
    maps = (inputs.stereo.depth_m, inputs.lidar.depth_m, sparse, returns.astype(np.float32))
    return tuple(torch.from_numpy(values)[None, None] for values in maps)


def guided_inputs(inputs: FusionInputs) -> tuple[Tensor, ...]:
    """The feature stack of SCADC-guided."""
    return (torch.from_numpy(fusion_features(inputs))[None],)


PREPARATIONS: dict[str, tuple[Preparation, int]] = {  # network -> inputs, and what H and W must divide by
    "scadc": (scadc_inputs, 4),
    "scadc_guided": (guided_inputs, 16),
}


class LearnedFusion:
    """Callable fusion: inputs of a frame -> (depth, lidar confidence)."""

    def __init__(self, choice: ModelChoice) -> None:
        """Load the model. Raises WeightsError if it is missing, damaged or not a fusion network."""
        name = choice.model or DEFAULT_MODEL
        self.card = read_card(find_model(name))
        if self.card.network not in PREPARATIONS:
            raise WeightsError(
                f"model {name!r} holds network {self.card.network!r}; fusion needs one of {sorted(PREPARATIONS)}"
            )
        self._prepare, self._multiple = PREPARATIONS[self.card.network]
        self._network = executed(load_model(name, choice.device), choice)
        self._device = torch.device(choice.device)  # load_model has refused one that does not exist

    def __call__(self, inputs: FusionInputs) -> tuple[Array, Array]:
        """Depth (H, W) metres, NaN where the network gives none above 0, and confidence (H, W)."""
        tensors = tuple(pad_to_multiple(t.to(self._device), self._multiple) for t in self._prepare(inputs))
        height, width = inputs.stereo.depth_m.shape
        with torch.inference_mode():
            output = self._network(*tensors)
        depth = crop(output.depth_m, height, width)
        return np.where(depth > 0, depth, np.float32(np.nan)), crop(output.lidar_confidence, height, width)
