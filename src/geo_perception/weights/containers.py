# SPDX-License-Identifier: Apache-2.0
"""Readers of released checkpoints: one file with a state dictionary, or a folder with one file a module.

The folders of the MonoDepth family (DistDepth, MonoDepth2, ManyDepth, DepthHints) hold encoder.pth, depth.pth and,
for the camera's motion, pose_encoder.pth and pose.pth. Each is a state dictionary; encoder.pth has plain numbers
beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from geo_perception.errors import WeightsError
from geo_perception.weights.store import file_sha256
from geo_perception.weights.unpickle import load_checkpoint

STATE_KEYS = ("state_dict", "model", "model_state_dict")  # where containers keep the weights
# Put before every name by DataParallel, torch.compile and Lightning.
WRAPPERS = ("module.", "_orig_mod.", "model.")

NUMPY = {"_reconstruct": "NumPy array", "scalar": "NumPy number"}  # stand-ins' names -> what was in the file

# Network -> file of the folder -> prefix that its names get.
FOLDERS: dict[str, dict[str, str]] = {
    "distdepth": {"encoder.pth": "encoder.", "depth.pth": "decoder."},
    "multi_frame": {"encoder.pth": "encoder.", "depth.pth": "decoder."},
    "video_depth": {
        "encoder.pth": "depth.encoder.",
        "depth.pth": "depth.decoder.",
        "pose_encoder.pth": "pose.encoder.",
        "pose.pth": "pose.decoder.",
    },
    "posenet": {"pose_encoder.pth": "encoder.", "pose.pth": "decoder."},
}

# Plain entry of encoder.pth -> option of the network that it sets; the others only describe the training.
BINS = {"min_depth_bin": "min_bin_m", "max_depth_bin": "max_bin_m"}
NUMBERS: dict[str, dict[str, str]] = {"multi_frame": BINS, "video_depth": BINS}

# Names of constants that follow from the options: the files' are not taken, so that any size can be asked for.
CONSTANTS: dict[str, tuple[str, ...]] = {
    "multi_frame": ("encoder.backprojector.",),
    "video_depth": ("depth.encoder.backprojector.",),
}


@dataclass(frozen=True)
class Contents:
    """Weights as read, before they have become a network."""

    state: dict[str, Tensor]
    origin: str  # for errors
    digest: str = ""  # sha256 of the file, or of each file of the folder, in words
    config: dict[str, Any] = field(default_factory=dict)  # options that the container states
    inputs: str = ""  # the description of them in the card


def read_contents(network: str, source: str | Path | Mapping[str, Any]) -> Contents:
    """The weights for `network` in a file, a folder or a mapping. Raises WeightsError if they are not there."""
    if isinstance(source, Mapping):
        return Contents(state_of(source, "the state dictionary"), "the state dictionary")
    path = Path(source)
    if path.is_dir():
        return _read_folder(network, path)
    state = state_of(load_checkpoint(path), str(path))
    return Contents(state, str(path), f"sha256 {file_sha256(path)}")


def _read_folder(network: str, folder: Path) -> Contents:
    if network not in FOLDERS:
        raise WeightsError(f"{folder} is a folder; weights of {network} come as one file")
    files = FOLDERS[network]
    absent = [name for name in files if not (folder / name).is_file()]
    if absent:
        raise WeightsError(f"{folder} has no {' and no '.join(absent)}, which weights of {network} need")
    state: dict[str, Tensor] = {}
    numbers: dict[str, Any] = {}
    for name, prefix in files.items():
        contents = load_checkpoint(folder / name)
        numbers |= _numbers(contents)
        tensors = contents
        if isinstance(contents, Mapping):
            tensors = {key: value for key, value in contents.items() if key not in numbers}
        state |= {prefix + key: value for key, value in state_of(tensors, str(folder / name)).items()}
    digest = ", ".join(f"{name} sha256 {file_sha256(folder / name)}" for name in files)
    options = {option: numbers[key] for key, option in NUMBERS.get(network, {}).items() if key in numbers}
    return Contents(state, str(folder), digest, options, _inputs(numbers))


def _numbers(contents: Any) -> dict[str, Any]:
    """Plain entries beside the tensors, such as height, width and use_stereo."""
    if not isinstance(contents, Mapping):
        return {}
    return {key: value for key, value in contents.items() if isinstance(value, bool | int | float)}


def _inputs(numbers: Mapping[str, Any]) -> str:
    if "height" not in numbers or "width" not in numbers:
        return ""
    return f"RGB in 0..1, trained at {numbers['height']} x {numbers['width']} (height x width)"


def state_of(contents: Any, origin: str) -> dict[str, Tensor]:
    """The state dictionary inside a container, without the prefixes of wrappers.

    Raises:
        WeightsError: there is none, it is empty, or an entry is no plain tensor with values.
    """
    for key in STATE_KEYS:
        if isinstance(contents, Mapping) and isinstance(contents.get(key), Mapping):
            contents = contents[key]
    if not isinstance(contents, Mapping):
        raise WeightsError(f"{origin} holds no state dictionary, but a {type(contents).__name__}")
    if not contents:
        raise WeightsError(f"{origin} holds no state dictionary, but an empty mapping")
    for name, value in contents.items():
        said = _not_plain(name, value)
        if said:
            raise WeightsError(f"{origin} holds no state dictionary of plain tensors: entry {name!r} {said}")
    state = dict(contents)
    while prefix := next((p for p in WRAPPERS if all(name.startswith(p) for name in state)), ""):
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _not_plain(name: object, value: object) -> str:
    """Describe why an entry cannot be a weight; empty if it can."""
    if not isinstance(name, str) or not isinstance(value, Tensor):
        return f"is a {NUMPY.get(type(value).__name__, type(value).__name__)}"
    if value.is_nested:
        return "is a nested tensor"
    if value.is_meta:
        return "is a meta tensor, which has a shape but no values"
    if value.is_quantized:
        return "is quantised: save the network before it is"
    if value.layout != torch.strided:
        return f"is {str(value.layout).removeprefix('torch.')}, not dense"
    return ""
