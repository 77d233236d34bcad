# SPDX-License-Identifier: Apache-2.0
"""The mean of several trained models' weights: often better than each, at the cost of one (arXiv 2203.05482)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geo_perception.errors import ConfigError, WeightsError
from geo_perception.weights.folders import find_model
from geo_perception.weights.model_card import ModelCard, read_card
from geo_perception.weights.store import load_strictly, new_network, read_weights, save_model

SAME = ("network", "config", "licence")  # fields of the cards that must agree
# Entries of `input` that change what a pipeline does even where they are left out. Of the others, and of those of
# `output`, only values that two cards both state must agree: cards of schema 1 state none.
DECIDING = ("size", "aspect", "canonical_focal", "multi_scale", "flip")


def average_models(models: Sequence[str | Path], shares: Sequence[float], folder: Path) -> ModelCard:
    """Write the model whose weights are the weighted mean of others, which were trained from one beginning.

    Args:
        models: names or folders, two or more.
        shares: of each, positive; only their proportions count.
        folder: of the new model.

    Returns:
        Its card: where it comes from, and none of the models' figures.

    Raises:
        ConfigError: fewer than two models, another number of shares, one that is not positive, or the folder is that
            of one of them.
        WeightsError: a model is missing or damaged, or they are not of one kind.
    """
    if len(models) < 2 or len(shares) != len(models) or not all(0 < share < float("inf") for share in shares):
        raise ConfigError(
            f"a mean takes two models or more and a positive share of each, got {len(models)} models and shares "
            f"{', '.join(f'{share:g}' for share in shares)}"
        )
    folders = [find_model(model) for model in models]
    if folder.resolve() in {path.resolve() for path in folders}:
        raise ConfigError(
            f"{folder} is one of the models: the mean would replace it; name another folder first"
        )
    cards = [read_card(path) for path in folders]
    check_same(cards, folders)
    parts = [share / sum(shares) for share in shares]
    states = [read_weights(path, card) for path, card in zip(folders, cards, strict=True)]
    module = new_network(cards[0], str(folders[0]))
    load_strictly(module, mean_state(states, parts, folders), f"the mean of {len(models)} models")
    return save_model(
        module, folder, mean_card(cards, folders, parts), arrays_of(folders, parts), half=is_half(states)
    )


def check_same(cards: Sequence[ModelCard], folders: Sequence[Path]) -> None:
    """Raises WeightsError naming the first entry in which two cards differ that must agree."""
    first = cards[0]
    for card, path in zip(cards[1:], folders[1:], strict=True):
        for name in SAME:
            if getattr(card, name) != getattr(first, name):
                raise WeightsError(_differ(name, getattr(first, name), getattr(card, name), folders[0], path))
        for group in ("input", "output"):
            one, two = getattr(first, group), getattr(card, group)
            stated = [name for name in one if name in two and name != "description"]
            for entry in dict.fromkeys((*DECIDING, *stated)):
                if one.get(entry) != two.get(entry):
                    values = one.get(entry), two.get(entry)
                    raise WeightsError(_differ(f"{group}.{entry}", *values, folders[0], path))


def _differ(name: str, first: object, other: object, path: Path, other_path: Path) -> str:
    return f"models of one kind are needed: {name} of {path} is {first!r}, of {other_path} {other!r}"


def mean_state(
    states: Sequence[dict[str, Tensor]], parts: Sequence[float], origins: Sequence[Path]
) -> dict[str, Tensor]:
    """Average every floating-point entry; others are the first one's. Raises WeightsError if the entries differ."""
    first = states[0]
    for state, origin in zip(states, origins, strict=True):
        if state.keys() != first.keys():
            raise WeightsError(f"{origin} holds other entries than {origins[0]}")
    mean = {}
    for name, value in first.items():
        if value.is_floating_point():
            total = sum(part * state[name].double() for part, state in zip(parts, states, strict=True))
            mean[name] = torch.as_tensor(total).float()
        else:
            mean[name] = value
    return mean


def mean_card(cards: Sequence[ModelCard], folders: Sequence[Path], parts: Sequence[float]) -> ModelCard:
    """Make the card of the mean, with the way to make it again."""
    shares = ", ".join(f"{part:.3g} of {path.name}" for part, path in zip(parts, folders, strict=True))
    commands = [f"{path.name}: {card.command}" for card, path in zip(cards, folders, strict=True)]
    return replace(
        cards[0],
        sha256="",
        source="",
        trained_on="; ".join(dict.fromkeys(card.trained_on for card in cards)),
        recipe="",
        command=f"mean of weights, {shares}; " + "; ".join(commands),
        commit=", ".join(dict.fromkeys(card.commit for card in cards)),
        metrics={},  # nobody has measured it yet
        metrics_command="",
        limits=tuple(dict.fromkeys(limit for card in cards for limit in card.limits)),
    )


def arrays_of(folders: Sequence[Path], parts: Sequence[float]) -> dict[str, NDArray[Any]]:
    """The mean of each array that lies beside all the models' weights in one shape."""
    found = {}
    for path in sorted(folders[0].glob("*.npy")):
        if not all((folder / path.name).is_file() for folder in folders):
            continue
        values = [np.load(folder / path.name, allow_pickle=False) for folder in folders]
        if all(value.shape == values[0].shape for value in values):
            mean = sum(part * value.astype(np.float64) for part, value in zip(parts, values, strict=True))
            found[path.name] = np.asarray(mean, values[0].dtype)
    return found


def is_half(states: Sequence[dict[str, Tensor]]) -> bool:
    """Return whether all models keep their weights as float16."""
    return all(
        value.dtype == torch.float16
        for state in states
        for value in state.values()
        if value.is_floating_point()
    )
