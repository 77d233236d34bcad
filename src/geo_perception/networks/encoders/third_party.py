# SPDX-License-Identifier: Apache-2.0
"""Backbones of timm and transformers behind the interface of a depth encoder. Both packages are optional."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geo_perception.errors import ConfigError
from geo_perception.networks.layers.image_check import check_image

REDUCTIONS = (2, 4, 8, 16, 32)  # of the five maps that a decoder needs
MAPS = len(REDUCTIONS)
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class _Normalised(nn.Module):
    """Base of both families: mean and deviation of the input, and the five widths."""

    mean: Tensor
    std: Tensor

    def __init__(self, channels: Sequence[int], mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.channels = tuple(channels)
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def normalise(self, image: Tensor) -> Tensor:
        """Normalise (B,3,H,W) RGB in 0..1. Raises InputError on other shapes."""
        check_image(image)
        return (image - self.mean) / self.std

    def complete(self, image: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
        """Complete maps to five: a backbone that starts at 1/4 gets the half-size image before them."""
        if len(maps) == MAPS:
            return list(maps)
        return [F.avg_pool2d(image, 2), *maps]


class TimmEncoder(_Normalised):
    """A convolutional or hierarchical backbone of timm, e.g. "mobilenetv3_large_100"; random weights."""

    def __init__(self, name: str) -> None:
        timm = _import("timm", f"timm:{name}")
        try:
            model = timm.create_model(name, pretrained=False, features_only=True)
        except (RuntimeError, AttributeError) as error:  # unknown name; no intermediate maps
            raise ConfigError(f"encoder 'timm:{name}': {error}") from error
        chosen = _choose(f"timm:{name}", model.feature_info.reduction())
        channels = [model.feature_info.channels()[index] for index in chosen]
        cfg = timm.get_pretrained_cfg(name, allow_unregistered=True)
        mean, std = (IMAGENET_MEAN, IMAGENET_STD) if cfg is None else (cfg.mean, cfg.std)
        super().__init__(_with_half(channels), mean, std)
        self.chosen = chosen
        self.model = model

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode (B,3,H,W) RGB in 0..1 -> five maps (B,channels[i],H/2^(i+1),W/2^(i+1))."""
        maps = self.model(self.normalise(image))
        return self.complete(image, [maps[index] for index in self.chosen])


class TransformersEncoder(_Normalised):
    """A backbone of transformers from a local folder: its weights if they are there, else random ones."""

    def __init__(self, folder: str) -> None:
        transformers = _import("transformers", f"transformers:{folder}")
        model = _local_backbone(transformers, folder)
        with torch.no_grad():
            maps = model.eval()(torch.zeros(1, 3, 128, 128)).feature_maps
        chosen = _choose(f"transformers:{folder}", [128 // fmap.shape[-1] for fmap in maps])
        channels = [maps[index].shape[1] for index in chosen]
        super().__init__(_with_half(channels), IMAGENET_MEAN, IMAGENET_STD)
        self.chosen = chosen
        self.model = model.train()

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode (B,3,H,W) RGB in 0..1 -> five maps (B,channels[i],H/2^(i+1),W/2^(i+1))."""
        maps = self.model(self.normalise(image)).feature_maps
        return self.complete(image, [maps[index] for index in self.chosen])


def _import(package: str, encoder: str) -> Any:
    try:
        return import_module(package)
    except ImportError as error:
        raise ConfigError(
            f"encoder {encoder!r} needs the package {package}: pip install {package} ({error})"
        ) from error


def _local_backbone(transformers: Any, folder: str) -> Any:
    """Load all stages of the backbone in `folder`. Raises ConfigError if transformers cannot read one there."""
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        config.out_features = list(config.stage_names)
        model = transformers.AutoBackbone.from_config(config)
        if any((Path(folder) / name).is_file() for name in WEIGHT_FILES):
            # AutoBackbone.from_pretrained would ask the hub about the folder's name
            return type(model).from_pretrained(folder, config=config, local_files_only=True)
        return model
    except (OSError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"encoder 'transformers:{folder}' is no local backbone: {reason}") from error


def _choose(encoder: str, reductions: Sequence[int]) -> tuple[int, ...]:
    """Choose the indices of the maps at 1/2 (where there is one), 1/4 ... 1/32; the last of equal ones."""
    last = {reduction: index for index, reduction in enumerate(reductions)}
    if any(reduction not in last for reduction in REDUCTIONS[1:]):
        raise ConfigError(f"encoder {encoder!r} has maps at 1/{list(reductions)}, not at 1/{REDUCTIONS}")
    return tuple(last[reduction] for reduction in REDUCTIONS if reduction in last)


def _with_half(channels: Sequence[int]) -> tuple[int, ...]:
    """Complete widths to five: the image's own come first when there is no map at 1/2."""
    return (*([3] * (MAPS - len(channels))), *channels)
