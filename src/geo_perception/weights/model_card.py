# SPDX-License-Identifier: Apache-2.0
"""Model cards: what a folder of weights is, where it comes from, what it may be used for and how good it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from geo_perception.errors import WeightsError

CARD_FILE = "model.yaml"
# Fields that are no text: their type, and its name in errors.
KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "config": (dict, "a mapping"),
    "metrics": (dict, "a mapping"),
    "limits": ((list, tuple), "a list"),
}


@dataclass(frozen=True)
class ModelCard:
    """Contents of model.yaml. Only `network` is needed to build one; `save_model` fills in `sha256`."""

    network: str  # a name in networks.NETWORKS
    config: dict[str, Any] = field(default_factory=dict)  # its options; left out = default
    sha256: str = ""  # of weights.safetensors
    licence: str = ""  # under which the weights may be passed on
    source: str = ""  # page or file the weights come from; empty for our own
    trained_on: str = ""
    recipe: str = ""  # command that trains it
    commit: str = ""  # revision of this repository the recipe was run at
    metrics: dict[str, Any] = field(default_factory=dict)
    metrics_command: str = ""  # reproduces `metrics`
    inputs: str = ""
    outputs: str = ""
    limits: tuple[str, ...] = ()  # what it is known to do badly


def read_card(folder: str | Path) -> ModelCard:
    """The card of a model folder. Raises WeightsError if it is missing, not YAML or has unknown or wrong fields."""
    path = Path(folder) / CARD_FILE
    values = read_yaml(path)
    return card_from(values, str(path))


def card_from(values: dict[str, Any], origin: str) -> ModelCard:
    """A card from plain values; `origin` names them in errors."""
    known = [f.name for f in fields(ModelCard)]
    unknown = sorted(str(name) for name in set(values) - set(known))
    if unknown:
        raise WeightsError(f"{origin}: unknown field {', '.join(unknown)}; a card has {', '.join(known)}")
    # `limits:` may have nothing behind it
    given = {name: value for name, value in values.items() if value is not None}
    if not isinstance(given.get("network"), str):
        raise WeightsError(f"{origin}: field `network` must name a network, got {values.get('network')!r}")
    for name, value in given.items():
        kind, said = KINDS.get(name, (str, "text"))
        if not isinstance(value, kind):
            raise WeightsError(f"{origin}: field `{name}` must be {said}, got {value!r}")
    return ModelCard(**{**given, "limits": tuple(given.get("limits", ()))})


def write_card(card: ModelCard, folder: str | Path) -> None:
    """Write model.yaml; empty fields are left out."""
    values = {name: value for name, value in asdict(card).items() if value not in ("", {}, ())}
    if card.limits:
        values["limits"] = list(card.limits)
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110)
    (Path(folder) / CARD_FILE).write_text(text, encoding="utf-8")


def read_yaml(path: Path) -> dict[str, Any]:
    """A mapping from a YAML file. Raises WeightsError if it is missing or something else."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise WeightsError(f"{path} must hold a mapping, got {type(values).__name__}")
    return values
