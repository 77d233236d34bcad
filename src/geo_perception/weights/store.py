# SPDX-License-Identifier: Apache-2.0
"""Model folders: model.yaml (card) beside weights.safetensors, written atomically and checked when read."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from geo_perception.errors import ConfigError, WeightsError
from geo_perception.networks import build, largest_number
from geo_perception.outputs import reason
from geo_perception.scratch import remove_abandoned, scratch_place
from geo_perception.weights.file_kinds import checkpoint_kind
from geo_perception.weights.folders import find_model
from geo_perception.weights.model_card import ModelCard, read_card, write_card
from geo_perception.weights.places import WEIGHTS_FILE, check_replaceable

WIDE = 1024  # options up to this make networks that any machine holds


def load_model(path_or_name: str | Path, device: str = "cpu") -> nn.Module:
    """The network of a model folder, in eval mode, with gradients off.

    path_or_name: a folder, or the name of one in the model folders (see `weights.folders`).
    Raises WeightsError if anything is missing, damaged or made for another network; ConfigError for a device
    that does not exist here.
    """
    target = check_device(device)
    folder = find_model(path_or_name)
    card = read_card(folder)
    state = read_weights(folder, card)
    origin = str(folder / WEIGHTS_FILE)
    if largest_number(card.config) > WIDE:
        with torch.device("meta"):  # shapes without memory: a damaged card may ask for more than there is
            check_state(new_network(card, str(folder)), state, origin)
    module = new_network(card, str(folder))
    load_strictly(module, state, origin)
    return module.to(target).eval().requires_grad_(False)


def save_model(
    module: nn.Module,
    folder: str | Path,
    card: ModelCard,
    arrays: Mapping[str, NDArray[Any]] | None = None,
    *,
    half: bool = False,
) -> ModelCard:
    """Write card and weights to `folder`, replacing a model there only once everything is on disk.

    Returns the card as written, with the hash of the weights. Raises WeightsError if card and module
    disagree, a weight is not finite, something that is no model lies there, or the disk refuses; what was there
    is kept.

    Args:
        module: the network that the card describes.
        folder: of the model.
        card: without the hash.
        arrays: kept beside the weights, file name (`*.npy`) -> array.
        half: keep weights as float16, at half the size and 11 bits; loading makes them float32 again.
    """
    folder = Path(folder)
    state = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    if half:
        state = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    load_strictly(new_network(card, str(folder)), state, "the module to save")
    check_replaceable(folder)
    folder = folder.resolve()  # a link stays one, and "." gets a name
    try:
        remove_abandoned(folder.parent)
        with scratch_place(folder) as fresh:
            fresh.mkdir()
            card = _write_aside(state, card, arrays or {}, fresh)
            _swap_in(fresh, folder)
    except (OSError, SafetensorError) as error:  # a full disk is either, depending on who notices it
        said = reason(error) if isinstance(error, OSError) else str(error)
        raise WeightsError(f"cannot write the model {folder} ({said}); an earlier one is kept") from error
    return card


def _write_aside(
    state: dict[str, Tensor], card: ModelCard, arrays: Mapping[str, NDArray[Any]], fresh: Path
) -> ModelCard:
    """All files of a model in an empty folder; returns the card with the hash of the weights."""
    save_file(state, fresh / WEIGHTS_FILE)
    # safetensors writes for the owner alone; models are there to be shared
    (fresh / WEIGHTS_FILE).chmod(0o644)
    for name, values in arrays.items():
        np.save(fresh / name, values, allow_pickle=False)
    card = replace(card, sha256=file_sha256(fresh / WEIGHTS_FILE))
    write_card(card, fresh)
    return card


def _swap_in(fresh: Path, folder: Path) -> None:
    """Rename `fresh` to `folder`; a model that is there already comes back if that fails."""
    if not folder.exists():
        fresh.rename(folder)
        return
    old = folder.parent / f".old-model-{os.getpid()}"
    folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old)


def read_weights(folder: Path, card: ModelCard) -> dict[str, Tensor]:
    """The checked state dictionary of a model folder. Raises WeightsError: missing, damaged or replaced file."""
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise WeightsError(f"{folder} has a card but no {WEIGHTS_FILE}")
    digest = file_sha256(path)
    if digest != card.sha256:
        checkpoint_kind(path)  # a clone without Git LFS holds pointers: that is the line to print
        raise WeightsError(
            f"{path} is damaged or was replaced: "
            f"sha256 {digest[:12]}…, the card says {card.sha256[:12] or 'none'}…"
        )
    try:
        state: dict[str, Tensor] = load_file(path)
    except SafetensorError as error:
        raise WeightsError(f"{path} is not a safetensors file: {error}") from error
    return state


def new_network(card: ModelCard, origin: str) -> nn.Module:
    """The untrained network a card describes. Raises WeightsError naming `origin` if there is no such network."""
    try:
        return build(card.network, **card.config)
    except (ConfigError, TypeError) as error:
        raise WeightsError(f"{origin}: {error}") from error


def load_strictly(module: nn.Module, state: dict[str, Tensor], origin: str) -> None:
    """Copy `state` into `module`; names, shapes and finiteness must be right.

    Raises:
        WeightsError: counts and first examples of what does not fit.
    """
    check_state(module, state, origin)
    module.load_state_dict(state)


def check_state(module: nn.Module, state: dict[str, Tensor], origin: str) -> None:
    """Raise WeightsError, as `load_strictly`, unless `state` is one of this module, which may have no memory."""
    want = module.state_dict()
    missing = [name for name in want if name not in state]
    extra = [name for name in state if name not in want]
    if missing or extra:
        raise WeightsError(
            f"{origin} was made for another network than {type(module).__name__}: "
            f"{_examples(missing)} missing, {_examples(extra)} unknown"
        )
    for name, value in state.items():
        said = _misfit(value, want[name])
        if said:
            raise WeightsError(f"{origin}: {name} {said}")


def _misfit(value: Tensor, want: Tensor) -> str:
    """Why a tensor cannot become another one's value; empty if it can."""
    if value.shape != want.shape:
        return f"has shape {tuple(value.shape)}, the network needs {tuple(want.shape)}"
    if value.is_floating_point() != want.is_floating_point() or value.is_complex():
        return f"is {_dtype(value)}, the network needs {_dtype(want)}"
    if value.is_floating_point() and not torch.isfinite(value.to(want.dtype)).all():
        return "holds values that are not finite"
    return ""


def _dtype(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _examples(names: list[str]) -> str:
    return f"{len(names)} ({', '.join(names[:2])}{', …' if len(names) > 2 else ''})" if names else "0"


def check_device(device: str) -> torch.device:
    """The torch device. Raises ConfigError for one that does not exist on this machine."""
    try:
        target = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(
            f"device {device!r} is not one PyTorch knows, such as cpu, cuda or cuda:0"
        ) from error
    if target.type == "cuda" and (target.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device {device!r}: PyTorch sees {torch.cuda.device_count()} CUDA devices here")
    return target


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
