# SPDX-License-Identifier: Apache-2.0
"""Official checkpoints: what exists (models/official.yaml) and how it becomes one of our networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from geo_perception.errors import ConfigError, WeightsError
from geo_perception.networks import NETWORKS
from geo_perception.weights.card import ModelCard, read_yaml
from geo_perception.weights.folders import official_file
from geo_perception.weights.store import file_sha256, load_strictly, new_network
from geo_perception.weights.unpickle import load_checkpoint

STATE_KEYS = ("state_dict", "model")  # where PSMNet's and SSDC's containers keep the weights
PARALLEL_PREFIX = "module."  # added to every key by DataParallel
COUNTER = ".num_batches_tracked"  # absent from files older than PyTorch 0.4.1


@dataclass(frozen=True)
class Official:
    """One released checkpoint that its authors offer; it is not redistributed here."""

    name: str
    network: str
    source: str  # page that offers it
    file: str  # its name there
    licence: str
    container: str  # how the file is built
    command: str  # the line that imports it
    sha256: str = ""  # of the released file, where known
    trained_on: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Imported:
    """A network with official weights, and the card to save it with."""

    module: nn.Module
    card: ModelCard


def list_official() -> dict[str, Official]:
    """Entries of models/official.yaml by name. Raises WeightsError if the file is missing or malformed."""
    path = official_file()
    known = {f.name for f in fields(Official)} - {"name"}
    entries = {}
    for name, values in read_yaml(path).items():
        if not isinstance(values, dict) or set(values) - known:
            raise WeightsError(f"{path}: entry {name} must be a mapping with fields among {sorted(known)}")
        entries[name] = Official(name=name, **{**values, "limits": tuple(values.get("limits", ()))})
    return entries


def import_checkpoint(name: str, source: str | Path | Mapping[str, Any], **config: Any) -> nn.Module:
    """The network with the weights of an official file, in eval mode.

    name: an entry of models/official.yaml or a network; source: the file, or a state dictionary; config:
    options that the weights do not determine (e.g. `align_corners`). Nothing pickled in the file is
    executed. Raises WeightsError for a missing, damaged, unsafe or foreign file; ConfigError for an unknown
    name.
    """
    return read_official(name, source, **config).module


def read_official(name: str, source: str | Path | Mapping[str, Any], **config: Any) -> Imported:
    """As `import_checkpoint`, with the card."""
    digest = "" if isinstance(source, Mapping) else _digest(Path(source))
    entry = _entry(name, digest)
    origin = "the state dictionary" if isinstance(source, Mapping) else str(source)
    contents = source if isinstance(source, Mapping) else load_checkpoint(Path(source))
    state = state_of(contents, origin)
    spec = NETWORKS[entry.network]
    card = _card(entry, {**spec.infer_config(state), **entry.config, **config}, digest)
    module = new_network(card, origin)
    load_strictly(module, _with_counters(state, module), origin)
    module.eval().requires_grad_(False)
    return Imported(module, replace(card, limits=(*card.limits, *spec.inspect(module))))


def state_of(contents: Any, origin: str) -> dict[str, Tensor]:
    """The state dictionary inside a container, without the DataParallel prefix."""
    for key in STATE_KEYS:
        if isinstance(contents, Mapping) and isinstance(contents.get(key), Mapping):
            contents = contents[key]
            break
    if not isinstance(contents, Mapping) or not contents:
        raise WeightsError(f"{origin} holds no state dictionary, but a {type(contents).__name__}")
    for name, value in contents.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise WeightsError(
                f"{origin} holds no state dictionary: entry {name!r} is a {type(value).__name__}"
            )
    if all(name.startswith(PARALLEL_PREFIX) for name in contents):
        return {name.removeprefix(PARALLEL_PREFIX): value for name, value in contents.items()}
    return dict(contents)


def _with_counters(state: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Fill in batch counters that old files lack; inference does not use them."""
    counters = {
        name: torch.zeros_like(v) for name, v in module.state_dict().items() if name.endswith(COUNTER)
    }
    return {**counters, **state}


def _digest(path: Path) -> str:
    if not path.is_file():
        raise WeightsError(f"no checkpoint file {path}")
    return file_sha256(path)


def _entry(name: str, digest: str) -> Official:
    """The official entry of that name; for a network's name, the entry with this file's hash or an empty one."""
    entries = list_official()
    if name in entries:
        entry = entries[name]
        if digest and entry.sha256 and digest != entry.sha256:
            raise WeightsError(
                f"the file is not the released {entry.file} (sha256 {digest[:12]}…, "
                f"not {entry.sha256[:12]}…); import it as `{entry.network}` to take it without that release's settings"
            )
        return entry
    if name not in NETWORKS:
        raise ConfigError(
            f"{name!r} is neither official weights ({', '.join(entries)}) nor a network {sorted(NETWORKS)}"
        )
    for entry in entries.values():
        if entry.network == name and digest and entry.sha256 == digest:
            return entry
    unknown = "unknown: not a release listed in official.yaml"
    return Official(name=name, network=name, source="", file="", licence=unknown, container="", command="")


def _card(entry: Official, config: dict[str, Any], digest: str) -> ModelCard:
    source = " ".join(
        part for part in (entry.source, entry.file, f"sha256 {digest}" if digest else "") if part
    )
    return ModelCard(
        network=entry.network,
        config=config,
        licence=entry.licence,
        source=source,
        trained_on=entry.trained_on,
        limits=entry.limits,
    )
