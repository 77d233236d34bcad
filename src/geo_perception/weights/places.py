# SPDX-License-Identifier: Apache-2.0
"""Checks of where a model may be written: over nothing but a model, and over none that comes with the package."""

from __future__ import annotations

import os
from pathlib import Path

from geo_perception.errors import ConfigError, OutputError, WeightsError
from geo_perception.outputs import check_folder, check_name, reason
from geo_perception.weights.folders import package_folders
from geo_perception.weights.model_card import CARD_FILE

WEIGHTS_FILE = "weights.safetensors"
OWN_FILES = (CARD_FILE, WEIGHTS_FILE, "*.npy", "LICENSE*", "NOTICE*")  # patterns of what a model folder holds


def check_model_folder(folder: Path, option: str = "", *, force: bool = False) -> None:
    """Try, before the work, whether a model can be written to `folder`.

    Args:
        folder: of the model; need not exist.
        option: named in the error, e.g. "--to".
        force: overwrite a model that comes with the package, too.

    Raises:
        OutputError: the disk refuses.
        WeightsError: something else lies there, which would be lost.
        ConfigError: a model of the package lies there.
    """
    check_unshipped(folder, option, force=force)
    check_replaceable(folder)
    check_folder(folder.parent if os.path.lexists(folder) else folder, option)


def check_replaceable(folder: Path) -> None:
    """Raise WeightsError, naming what would be lost, unless `folder` is free, empty or a model."""
    if not os.path.lexists(folder):
        return
    if os.path.ismount(folder):
        raise OutputError(f"{folder} is a mount point, which cannot be replaced: name a folder below it")
    if not folder.is_dir():
        raise WeightsError(f"{folder} is a file, and a model is a folder: choose another name")
    try:
        foreign = sorted(path.name for path in folder.iterdir() if not _own(path))
    except OSError as error:
        raise OutputError(f"{folder} cannot be read: {reason(error)}") from error
    if foreign:
        raise WeightsError(
            f"{folder} holds {foreign[0]!r}{' and more' if foreign[1:] else ''}, part of no model, which would be "
            "lost: choose another folder"
        )


def check_unshipped(path: Path, option: str = "", *, force: bool = False) -> None:
    """Raise ConfigError if `path` is, or lies in, a model that comes with the package, unless it is forced.

    Raises OutputError if there can be no such path.
    """
    check_name(path, option)
    shipped = None if force else shipped_model(path)
    if shipped is not None:
        said = f"{option} " if option else ""
        raise ConfigError(
            f"{said}{path}: the model {shipped.name} comes with the package; write to out/, say, or add --force"
        )


def shipped_model(path: Path) -> Path | None:
    """The model of the package that `path` is or lies in; None elsewhere. Links are followed."""
    real = path.resolve()
    homes = {folder.resolve() for folder in package_folders()}
    for one in (real, *real.parents):
        if one.parent in homes and (one / CARD_FILE).is_file():
            return one
    return None


def _own(path: Path) -> bool:
    return path.is_file() and any(path.match(pattern) for pattern in OWN_FILES)
