# SPDX-License-Identifier: Apache-2.0
"""Reading PyTorch checkpoint files without running what is pickled in them.

torch.load(weights_only=True) builds tensors and plain containers only. The released files also hold a few
small objects (an argument namespace, an evaluation result, NumPy numbers); those are named in STAND_INS and
become inert objects that keep their fields and do nothing. A file that needs anything else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from geo_perception.errors import WeightsError


class Inert:
    """Takes the place of a pickled object: keeps its fields, has no behaviour."""

    def __new__(cls, *_args: Any) -> Inert:
        return super().__new__(cls)

    def __init__(self, *_args: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


STAND_INS = (
    "argparse.Namespace",  # SSDC: the command line it was trained with
    "metrics.Result",  # SSDC: errors of the best epoch
    "numpy.core.multiarray.scalar",  # numbers inside those two
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
)


def _stand_in(path: str) -> Callable[..., Any]:
    module, _, name = path.rpartition(".")
    return type(name, (Inert,), {"__module__": module})


_ALLOWED: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [_stand_in(path) for path in STAND_INS]


def load_checkpoint(path: Path) -> Any:
    """The contents of a .pth / .tar / .pt file, zip or legacy serialisation, on the CPU.

    Raises:
        WeightsError: the file is missing, damaged, or needs an object that is not on the allow-list.
    """
    if not path.is_file():
        raise WeightsError(f"no checkpoint file {path}")
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything; all of it means the same to the user
        raise WeightsError(_reason(path, error)) from error


def _reason(path: Path, error: Exception) -> str:
    needed = re.search(r"GLOBAL (\S+)", str(error))
    if needed:
        return f"{path} is refused: it wants to run or build {needed.group(1)}, which weights never need"
    lines = str(error).strip().splitlines()
    return f"{path} is damaged or not a PyTorch checkpoint: {lines[0] if lines else type(error).__name__}"
