# SPDX-License-Identifier: Apache-2.0
"""Reading checkpoint files of PyTorch and safetensors without running what is pickled in them.

torch.load(weights_only=True) builds tensors and plain containers only. The released files also hold a few
small objects (an argument namespace, an evaluation result, NumPy numbers); those are named in STAND_INS and
become inert objects that keep their fields and do nothing. A file that needs anything else is refused.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from geo_perception.weights.file_kinds import AGAIN, SAFETENSORS, CheckpointError, checkpoint_kind


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
    "numpy.core.multiarray._reconstruct",  # arrays beside the weights, such as learning curves
    "numpy._core.multiarray._reconstruct",
    "numpy.ndarray",
)


def _stand_in(path: str) -> Callable[..., Any]:
    module, _, name = path.rpartition(".")
    return type(name, (Inert,), {"__module__": module})


_ALLOWED: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [_stand_in(path) for path in STAND_INS]


def load_checkpoint(path: Path) -> Any:
    """The contents of a checkpoint file on the CPU: zip or legacy serialisation of PyTorch, or safetensors.

    Raises:
        WeightsError: the file is missing, or cannot be read.
        CheckpointError: it is damaged, something else, or needs an object that is not on the allow-list.
    """
    if checkpoint_kind(path) == SAFETENSORS:
        return _load_safetensors(path)
    try:
        # an open file: of a path, PyTorch would judge by the name
        with path.open("rb") as file, torch.serialization.safe_globals(_ALLOWED), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rare pickle protocols: such a file loads, or it is refused
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything; all of it means the same to the user
        raise CheckpointError(path, *_reason(error)) from error


def _load_safetensors(path: Path) -> Any:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        said = " ".join(str(error).split())
        raise CheckpointError(path, f"is a damaged safetensors file ({said})", AGAIN) from error


def _reason(error: Exception) -> tuple[str, str]:
    """Describe a file and the remedy without PyTorch's own message, which may advise to load without the list."""
    text = str(error)
    needed = re.search(r"GLOBAL (\S+)", text) or re.search(r"class (\S+) was not an allowed", text)
    if needed:
        said = f"is refused, as it wants to run or build {needed.group(1)}, which weights never need"
        return said, "if it is a whole network or array, save network.state_dict() where it was made"
    if isinstance(error, EOFError) or "unexpected EOF" in text or "ran out of" in text.lower():
        return "is damaged, it ends too early", AGAIN
    if isinstance(error, MemoryError) or "allocate" in text:
        return "is damaged, or larger than this machine's memory", ""
    return f"is damaged or not a PyTorch checkpoint ({type(error).__name__})", ""
