# SPDX-License-Identifier: Apache-2.0
"""Folders of models: the source checkout, the user's imports, an installed ROS package or virtual environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from geo_perception.errors import ConfigError, WeightsError
from geo_perception.weights.model_card import CARD_FILE

OFFICIAL_FILE = "official.yaml"


def user_folder() -> Path:
    """Return the folder of `geo-perception weights import`: $XDG_DATA_HOME/geo_perception/models.

    Raises:
        ConfigError: neither that variable nor HOME is set, and the system knows no home of this user.
    """
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    if not base.is_absolute():  # which the specification tells to ignore
        try:
            base = Path.home() / ".local" / "share"
        except RuntimeError as error:
            raise ConfigError(
                "this user has no home folder for models: set HOME or XDG_DATA_HOME, or name another folder"
            ) from error
    return base / "geo_perception" / "models"


def model_folders() -> list[Path]:
    """Folders that are searched for models, in order; only those that exist."""
    checkout, *shared = package_folders()
    return list(dict.fromkeys(folder for folder in (checkout, *_users(), *shared) if folder.is_dir()))


def package_folders() -> list[Path]:
    """List the folders of models that come with the package; they need not exist. The source checkout is the first."""
    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    shared = [Path(prefix) / "share" / "geo_perception" / "models" for prefix in (*prefixes, sys.prefix)]
    return [_checkout() / "models", *shared]


def _users() -> list[Path]:
    """The user's folder; containers run users without one, who have imported nothing."""
    try:
        return [user_folder()]
    except ConfigError:
        return []


def _checkout() -> Path:
    """The source tree this package runs from; a folder without `models` when it is installed."""
    return Path(__file__).resolve().parents[3]


def find_model(path_or_name: str | Path) -> Path:
    """The folder of a model given by path or by name.

    Raises:
        WeightsError: there is none; the message lists what exists and where it was looked for.
    """
    path = _expanded(path_or_name)
    if (path / CARD_FILE).is_file():
        return path
    if path.is_dir():
        raise WeightsError(f"{path} is not a model: it has no {CARD_FILE}")
    folders = model_folders()
    for folder in folders:
        if str(path_or_name) and (folder / path / CARD_FILE).is_file():
            return folder / path
    found = ", ".join(list_models()) or "none"
    looked = ", ".join(str(folder) for folder in folders) or "no folder exists"
    raise WeightsError(f"no model {str(path_or_name)!r}; there are: {found} (searched {looked})")


def _expanded(path: str | Path) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise WeightsError(f"no model {str(path)!r}: there is no such user's home") from error


def list_models() -> dict[str, Path]:
    """Name -> folder of every model that can be loaded by name; the first of equal names counts."""
    cards = [card for folder in reversed(model_folders()) for card in sorted(folder.glob(f"*/{CARD_FILE}"))]
    return dict(sorted((card.parent.name, card.parent) for card in cards))


def official_file() -> Path:
    """models/official.yaml. Raises WeightsError when no model folder has it."""
    for folder in model_folders():
        if (folder / OFFICIAL_FILE).is_file():
            return folder / OFFICIAL_FILE
    raise WeightsError(
        f"no {OFFICIAL_FILE} in {', '.join(str(f) for f in model_folders()) or 'any model folder'}"
    )
