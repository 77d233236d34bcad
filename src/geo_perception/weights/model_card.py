# SPDX-License-Identifier: Apache-2.0
"""Model cards: what a folder of weights is, where it comes from, what it may be used for and how good it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from geo_perception.errors import WeightsError
from geo_perception.weights.card_migration import FIELDS as FORMER_FIELDS
from geo_perception.weights.card_migration import METRICS as FORMER_METRICS
from geo_perception.weights.card_migration import migrate

CARD_FILE = "model.yaml"
SCHEMA = 2  # of cards that are written; those of schema 1 name none
# Fields that are no text: their type, and its name in errors.
KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "schema": (int, "a number"),
    "config": (dict, "a mapping"),
    "input": (dict, "a mapping"),
    "output": (dict, "a mapping"),
    "metrics": (dict, "a mapping"),
    "limits": ((list, tuple), "a list"),
}
# Entries of `input`.
INPUT = (
    "type",  # rgb, or what else the tensors hold
    "size",  # height, width
    "layout",  # NCHW, or another order of the axes
    "range",  # least and largest value
    "mean",  # subtracted from each channel before the network; what the network itself subtracts does not count
    "std",  # by which that is divided
    "aspect",  # stretch, pad or crop: how images of another aspect become this size
    "canonical_focal",  # focal length, in image sides, that the depth is for; 0: unknown, or meant for one camera
    "multi_scale",  # of a second, smaller form of the image: see MULTI_SCALE
    "flip",  # whether the answer is to be averaged with that of the mirrored image
    "description",
)
MULTI_SCALE = ("size", "share", "model")
# Entries of `output`.
OUTPUT = ("type", "layout", "unit", "range", "description")


@dataclass(frozen=True)
class ModelCard:
    """Contents of model.yaml. Only `network` is needed to build one; `save_model` fills in `sha256`."""

    network: str  # a name in networks.NETWORKS
    config: dict[str, Any] = field(default_factory=dict)  # its options; left out = default
    sha256: str = ""  # of weights.safetensors
    licence: str = ""  # under which the weights may be passed on
    source: str = ""  # page or file the weights come from; empty for our own
    trained_on: str = ""
    recipe: str = ""  # script in this repository that makes a model that it ships
    command: str = ""  # that made these weights, with all that came before
    commit: str = ""  # revision of this repository the recipe was run at
    input: dict[str, Any] = field(default_factory=dict)  # what the network takes: see INPUT
    output: dict[str, Any] = field(default_factory=dict)  # what it gives: see OUTPUT
    metrics: dict[str, Any] = field(default_factory=dict)  # measurements, and the `step` of training
    metrics_command: str = ""  # reproduces `metrics`
    limits: tuple[str, ...] = ()  # what it is known to do badly
    schema: int = SCHEMA


def read_card(folder: str | Path) -> ModelCard:
    """The card of a model folder. Raises WeightsError if it is missing, not YAML or has unknown or wrong fields."""
    path = Path(folder) / CARD_FILE
    values = read_yaml(path)
    return card_from(values, str(path))


def card_from(values: dict[str, Any], origin: str) -> ModelCard:
    """A card from plain values of either schema; `origin` names them in errors. Raises WeightsError as `read_card`."""
    # `limits:` may have nothing behind it
    given = {name: value for name, value in values.items() if value is not None}
    schema = given.get("schema", 1)
    if schema not in (1, SCHEMA):
        raise WeightsError(f"{origin}: field `schema` must be 1 or {SCHEMA}, got {schema!r}")
    known = tuple(f.name for f in fields(ModelCard))
    _check_names(values, (*known, *FORMER_FIELDS) if schema == 1 else known, origin, "field", known)
    if not isinstance(given.get("network"), str):
        raise WeightsError(f"{origin}: field `network` must name a network, got {values.get('network')!r}")
    for name, value in given.items():
        kind, said = KINDS.get(name, (str, "text"))
        if not isinstance(value, kind):
            raise WeightsError(f"{origin}: field `{name}` must be {said}, got {value!r}")
    if schema == 1:
        given = migrate(given, origin)
    card = ModelCard(**{**given, "schema": SCHEMA, "limits": tuple(given.get("limits", ()))})
    _check_entries(card, origin)
    return card


def _check_entries(card: ModelCard, origin: str) -> None:
    """Raises WeightsError for what is unknown under input and output, or is no measurement under metrics."""
    multi_scale = card.input.get("multi_scale", {})
    if not isinstance(multi_scale, dict):
        raise WeightsError(f"{origin}: input.multi_scale must be a mapping, got {multi_scale!r}")
    _check_names(card.input, INPUT, origin, "entry of input")
    _check_names(multi_scale, MULTI_SCALE, origin, "entry of input.multi_scale")
    _check_names(card.output, OUTPUT, origin, "entry of output")
    for name, place in FORMER_METRICS.items():
        if name in card.metrics:
            raise WeightsError(
                f"{origin}: metrics.{name} is no measurement; a card of schema {SCHEMA} has {place}"
            )


def _check_names(
    values: Mapping[str, Any], allowed: Sequence[str], origin: str, what: str, shown: Sequence[str] = ()
) -> None:
    """Raises WeightsError naming what is not allowed, and what is."""
    unknown = sorted(str(name) for name in set(values) - set(allowed))
    if unknown:
        raise WeightsError(
            f"{origin}: unknown {what} {', '.join(unknown)}; allowed are {', '.join(shown or allowed)}"
        )


def write_card(card: ModelCard, folder: str | Path) -> None:
    """Write model.yaml; empty fields are left out."""
    values = {name: value for name, value in asdict(card).items() if value not in ("", {}, ())}
    if card.limits:
        values["limits"] = list(card.limits)
    first = {"schema": values.pop("schema")}
    text = yaml.safe_dump({**first, **values}, sort_keys=False, allow_unicode=True, width=110)
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
