# SPDX-License-Identifier: Apache-2.0
"""Folders that a training writes to: tested before the work, distinct, and none of the package's."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from geo_perception.errors import ConfigError
from geo_perception.outputs import check_folder, writing
from geo_perception.weights import check_model_folder, check_unshipped


def check_places(out: Path, others: Mapping[str, Path], *, force: bool) -> None:
    """Test every folder.

    Args:
        out: folder of the model, option --out; replaced as a whole.
        others: option -> folder that files are added to.
        force: overwrite a model that comes with the package, too.

    Raises:
        ConfigError: a model of the package lies there, or a folder would be replaced together with the model.
        OutputError: the disk refuses.
        WeightsError: something other than a model lies at `out`.
    """
    for option, folder in others.items():
        if out.resolve() in (folder.resolve(), *folder.resolve().parents):
            raise ConfigError(
                f"{option} {folder} lies in --out {out}, which is replaced: give a folder of its own"
            )
        check_unshipped(folder, option, force=force)
        check_folder(folder, option)
    check_model_folder(out, "--out", force=force)


@contextmanager
def alone(run_folder: Path, option: str) -> Iterator[None]:
    """Lock a run's folder against other trainings. Of a training's processes the first one holds the lock.

    Raises:
        ConfigError: another training is at work there.
        OutputError: the disk refuses.
    """
    if os.environ.get("LOCAL_RANK", "0") != "0":
        yield
        return
    with writing(run_folder):
        run_folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(run_folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"another training is at work in {run_folder}: give another {option}"
            ) from error
        except OSError:  # file systems without locks
            pass
        yield
    finally:
        os.close(descriptor)  # releases the lock
