# SPDX-License-Identifier: Apache-2.0
"""Resumable training state: saved whole or not at all."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from geo_perception.errors import WeightsError

FILE = "checkpoint.pt"


def save_checkpoint(
    folder: Path, step: int, network: nn.Module, optimiser: torch.optim.Optimizer, schedule: Any
) -> None:
    """Write the state after `step` updates; a full disk or a kill leaves the previous file in place.

    Raises:
        WeightsError: the file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        "step": step,
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "random": torch.get_rng_state(),
    }
    partial = folder / f"{FILE}.tmp"
    try:
        torch.save(state, partial)
        partial.replace(folder / FILE)
    except (OSError, RuntimeError) as error:  # a full disk is either, depending on where it is noticed
        raise WeightsError(
            f"cannot write {folder / FILE} ({str(error).splitlines()[0]}); the earlier one is kept"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(folder: Path, network: nn.Module, optimiser: torch.optim.Optimizer, schedule: Any) -> int:
    """Restore the state in `folder`, if there is one; returns the number of updates done.

    Raises:
        WeightsError: the file belongs to another network or is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return 0
    try:
        state = torch.load(path, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
    except (RuntimeError, KeyError, ValueError, EOFError, UnpicklingError) as error:
        raise WeightsError(
            f"{path} does not fit this run ({str(error).splitlines()[0]}); use another --run"
        ) from error
    schedule.load_state_dict(state["schedule"])
    torch.set_rng_state(state["random"])
    return int(state["step"])
