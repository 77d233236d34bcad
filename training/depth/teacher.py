# SPDX-License-Identifier: Apache-2.0
"""Experts, teachers of structure: each gives (B,1,H,W), larger = nearer, of unknown scale and shift."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geo_perception.errors import ConfigError, DataError, MissingDependencyError, WeightsError
from geo_perception.networks.distdepth import DistDepth
from geo_perception.networks.dpt import Dpt
from geo_perception.weights import load_model
from training.data.depth import IndoorBatch

Expert = Callable[[IndoorBatch], Tensor]

UNIT = 1000.0  # experts give roughly 0 to 2000, as the published one does
FARTHEST_M = 20.0  # stands for unknown depth


def make_expert(name: str, device: torch.device, seed: int = 0) -> Expert | None:
    """Make the expert that the option names.

    Args:
        name: "" = none; "simulator" = true depth through an unknown monotone map per image; "transformers:FOLDER" = a
            depth model saved by that library; anything else = name or folder of a model of ours.
        device: device of the expert.
        seed: seed of the simulator's maps.

    Raises:
        WeightsError: no such model, or one without depth.
        MissingDependencyError: transformers is not installed.
    """
    if not name:
        return None
    if name == "simulator":
        return SimulatedExpert(seed)
    family, colon, folder = name.partition(":")
    if family == "transformers" and colon:
        return TransformersExpert(Path(folder), device)
    network = load_model(name, str(device))
    if not isinstance(network, DistDepth | Dpt):
        raise WeightsError(
            f"--expert {name} is a {type(network).__name__}, which sees no depth in one image; experts are networks "
            "distdepth and dpt, simulator, and transformers:FOLDER"
        )
    return ModelExpert(network)


class SimulatedExpert:
    """Relative depth, scale * depth^-power + shift, drawn once for each image and unknown to the student."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def __call__(self, batch: IndoorBatch) -> Tensor:
        """Compute the maps (B,1,H,W) of a batch. Raises DataError without depth."""
        depth_m = batch.depth_m
        if not depth_m.numel():
            raise DataError("the expert 'simulator' needs depth, and this data set has none")
        maps = [np.random.default_rng((self.seed, 3, int(i))).random(3) for i in batch.sample]
        scale, power, shift = depth_m.new_tensor(np.stack(maps, 1)).reshape(3, -1, 1, 1, 1)
        far = torch.where(depth_m > 0, depth_m, torch.full_like(depth_m, FARTHEST_M))
        return UNIT * ((0.3 + 0.7 * scale) * far ** -(0.7 + 0.6 * power) + 0.2 * shift)


class ModelExpert:
    """A network of this package that predicts depth or inverse depth of an image."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    @torch.no_grad()
    def __call__(self, batch: IndoorBatch) -> Tensor:
        """Compute the maps (B,1,H,W) of a batch. Raises WeightsError for a network without depth."""
        output = self.network(batch.seen["0"])
        if hasattr(output, "depth_m"):
            return UNIT / output.depth_m
        disparity = getattr(output, "disparity", output)
        if not isinstance(disparity, Tensor):
            raise WeightsError(
                f"{type(self.network).__name__} gives neither depth_m nor disparity: no expert"
            )
        return to_size(disparity, batch)


class TransformersExpert:
    """A depth model of the `transformers` library from a local folder; nothing is downloaded."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        try:
            from transformers import AutoModelForDepthEstimation
        except ImportError as error:
            raise MissingDependencyError(
                "the expert transformers:FOLDER needs `pip install transformers`"
            ) from error
        if not (folder / "config.json").is_file():
            raise ConfigError(f"{folder} holds no config.json; give the folder of a saved transformers model")
        try:
            model = AutoModelForDepthEstimation.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise WeightsError(f"{folder} is no depth model: {str(error).splitlines()[0]}") from error
        self.model = model.to(device).eval().requires_grad_(False)
        self.metric = getattr(model.config, "depth_estimation_type", "relative") == "metric"
        self.mean, self.std = image_statistics(folder)

    @torch.no_grad()
    def __call__(self, batch: IndoorBatch) -> Tensor:
        """Compute the maps (B,1,H,W) of a batch."""
        image = batch.seen["0"]
        mean, std = (image.new_tensor(v).reshape(1, 3, 1, 1) for v in (self.mean, self.std))
        predict = self.model(pixel_values=(image - mean) / std).predicted_depth[:, None]
        return to_size(UNIT / predict.clamp(min=1e-3) if self.metric else predict, batch)


def image_statistics(folder: Path) -> tuple[list[float], list[float]]:
    """Read mean and standard deviation for normalising the model's images. Raises WeightsError for a damaged file."""
    path = folder / "preprocessor_config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        mean, std = (
            [float(one) for one in values.get(name, [0.5] * 3)] for name in ("image_mean", "image_std")
        )
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} is damaged ({error})") from error
    if len(mean) != 3 or len(std) != 3 or not all(std):
        raise WeightsError(f"{path} must hold three numbers image_mean and image_std, the latter not 0")
    return mean, std


def to_size(values: Tensor, batch: IndoorBatch) -> Tensor:
    """Resize (B,1,h,w) to the images' size."""
    size = batch.seen["0"].shape[-2:]
    return (
        values
        if values.shape[-2:] == size
        else F.interpolate(values, size, mode="bilinear", align_corners=False)
    )
