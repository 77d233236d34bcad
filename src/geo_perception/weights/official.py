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
from geo_perception.weights.containers import CONSTANTS, Contents, read_contents
from geo_perception.weights.file_kinds import checkpoint_kind
from geo_perception.weights.folders import official_file
from geo_perception.weights.model_card import ModelCard, read_yaml
from geo_perception.weights.store import file_sha256, load_strictly, new_network

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

    name: an entry of models/official.yaml or a network; source: the file, the folder of a network that comes as
    one (see `weights.containers`), or a state dictionary; config: options that the weights do not determine
    (e.g. `align_corners`). Nothing pickled in the file is executed. Raises WeightsError for a missing, damaged,
    unsafe or foreign file; ConfigError for an unknown name.
    """
    return read_official(name, source, **config).module


def read_official(name: str, source: str | Path | Mapping[str, Any], **config: Any) -> Imported:
    """As `import_checkpoint`, with the card."""
    digest = "" if isinstance(source, Mapping) else _digest(Path(source))
    entry = _entry(name, digest)
    contents = read_contents(entry.network, source)
    spec = NETWORKS[entry.network]
    options = {**_inferred(entry.network, contents), **contents.config, **entry.config, **config}
    card = _card(entry, options, contents)
    module = new_network(card, contents.origin)
    load_strictly(module, _completed(entry.network, contents.state, module), contents.origin)
    module.eval().requires_grad_(False)
    return Imported(module, replace(card, limits=(*card.limits, *spec.inspect(module))))


def _inferred(network: str, contents: Contents) -> dict[str, Any]:
    """The options that the weights determine. Raises WeightsError: they are another network's."""
    try:
        return NETWORKS[network].infer_config(contents.state)
    except (IndexError, TypeError) as error:  # a known name on a tensor of another shape
        raise WeightsError(f"{contents.origin} was made for another network than {network}") from error


def _completed(network: str, state: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Fill in batch counters that old files lack and inference does not use; take constants from the module."""
    own = module.state_dict()
    counters = {name: torch.zeros_like(v) for name, v in own.items() if name.endswith(COUNTER)}
    constants = {name: v for name, v in own.items() if name.startswith(CONSTANTS.get(network, ()))}
    return {**counters, **state, **constants}


def _digest(path: Path) -> str:
    """Hash of a file; no release that comes as a folder is known by its hash."""
    if path.is_dir():
        return ""
    checkpoint_kind(path)  # of a web page, say, that it is one, not that its hash is another
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


def _card(entry: Official, config: dict[str, Any], contents: Contents) -> ModelCard:
    source = " ".join(part for part in (entry.source, entry.file, contents.digest) if part)
    return ModelCard(
        network=entry.network,
        config=config,
        licence=entry.licence,
        source=source,
        trained_on=entry.trained_on,
        input={"description": contents.inputs} if contents.inputs else {},
        limits=entry.limits,
    )
