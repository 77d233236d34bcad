# SPDX-License-Identifier: Apache-2.0
"""Models as single files that other programs read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from geo_perception.errors import ConfigError, OutputError
from geo_perception.outputs import check_file, written_aside
from geo_perception.weights.model_card import CARD_FILE
from geo_perception.weights.places import WEIGHTS_FILE, check_unshipped
from geo_perception.weights.store import load_model


def export_state(model: str | Path, target: Path, *, force: bool = False) -> int:
    """Write a model's state dictionary, with the published keys; returns how many entries it has.

    Args:
        model: name or folder.
        target: a file ending in .pth or .safetensors; replaced if it exists.
        force: write into the folder of a model that comes with the package, too.

    Raises:
        ConfigError: another ending, or the target is part of a model.
        OutputError: the disk refuses; found before the model is read where it can be.
        WeightsError: the model is missing or damaged.
    """
    if target.suffix not in FORMATS:
        raise ConfigError(f"cannot export to {target.name!r}: the name must end in {' or '.join(FORMATS)}")
    if target.name == WEIGHTS_FILE and (target.parent / CARD_FILE).is_file():
        raise ConfigError(f"{target} holds the weights of a model: choose another name")
    check_unshipped(target, force=force)
    check_file(target)
    state = dict(load_model(model).state_dict())
    try:
        with written_aside(target) as aside:
            FORMATS[target.suffix](state, aside)
    except RuntimeError as error:  # PyTorch's own writer does not pass on what the system says
        raise OutputError(f"{target} cannot be written: the disk may be full") from error
    return len(state)


def _save_safetensors(state: dict[str, Tensor], path: Path) -> None:
    path.write_bytes(save(state))


def _save_pickle(state: dict[str, Tensor], path: Path) -> None:
    torch.save(state, path)


FORMATS: dict[str, Callable[[dict[str, Tensor], Path], None]] = {
    ".pth": _save_pickle,
    ".safetensors": _save_safetensors,
}
