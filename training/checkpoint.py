# SPDX-License-Identifier: Apache-2.0
"""Checkpoints, the resumable state of a training: written completely or not at all, continued by that training only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from geo_perception.errors import ConfigError, DataError, WeightsError
from geo_perception.outputs import reason
from geo_perception.weights.file_kinds import CheckpointError
from geo_perception.weights.unpickle import load_checkpoint as read_file

FILE = "checkpoint.pt"
SHOWN = 3  # differing options that are named


@dataclass(frozen=True)
class Part:
    """Steps made by one command: the first of them, the command, and the revision of the code."""

    step: int  # the first one, from 0
    command: str
    commit: str


@dataclass(frozen=True)
class Training:
    """Training that a checkpoint belongs to."""

    options: Mapping[str, Any]  # see options.plain_options
    data: str  # digest of the training data
    parts: tuple[Part, ...] = ()

    def continued(self, earlier: Training | None, step: int, command: str, commit: str) -> Training:
        """Append to the history of an earlier training this command from `step` on, where it is another one."""
        parts = earlier.parts if earlier else ()
        if not parts or (parts[-1].command, parts[-1].commit) != (command, commit):
            parts = (*(part for part in parts if part.step < step), Part(step, command, commit))
        return Training(self.options, self.data, parts)

    @property
    def recipe(self) -> str:
        """List all commands, each with its first step."""
        first, *others = self.parts
        return "; ".join((first.command, *(f"from step {part.step} on: {part.command}" for part in others)))

    @property
    def commits(self) -> str:
        """List all revisions of the code, in order."""
        return ", ".join(dict.fromkeys(part.commit for part in self.parts))


@dataclass(frozen=True)
class Checkpoint:
    """Content of a checkpoint file."""

    path: Path
    step: int  # number of updates done
    training: Training
    state: Mapping[str, Any] = field(repr=False)


def save_checkpoint(
    folder: Path,
    step: int,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: Any,
    training: Training,
) -> None:
    """Write the state after `step` updates; a full disk or a kill leaves the previous file in place.

    Raises:
        WeightsError: the file cannot be written.
    """
    state = {
        "step": step,
        "training": asdict(training),
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "random": torch.get_rng_state(),
    }
    partial = folder / f"{FILE}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(state, partial)
        partial.replace(folder / FILE)
    except (OSError, RuntimeError) as error:  # a full disk is either, depending on where it is noticed
        said = reason(error) if isinstance(error, OSError) else "the disk may be full"
        raise WeightsError(f"cannot write {folder / FILE} ({said}); the earlier one is kept") from error
    finally:
        partial.unlink(missing_ok=True)


def read_checkpoint(folder: Path, to: str) -> Checkpoint | None:
    """Read the state in a run's folder; None if there is none.

    Args:
        folder: folder of the run.
        to: the option that names another run folder.

    Raises:
        WeightsError: the file is damaged, something else, or of a version that did not record its options.
    """
    path = folder / FILE
    if not path.exists():
        return None
    way_out = f"remove it to begin anew, or give another {to}"
    try:
        content = read_file(path)
    except CheckpointError as error:  # its own way out is for files that were downloaded
        raise WeightsError(f"{path} {error.found}, so that no training goes on from it: {way_out}") from error
    try:
        told = dict(content)["training"]
        parts = tuple(Part(**part) for part in told["parts"])
        training = Training(dict(told["options"]), str(told["data"]), parts)
        return Checkpoint(path, int(content["step"]), training, content)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError, AttributeError) as error:
        raise WeightsError(
            f"{path} does not tell which training it belongs to, as it is damaged, no checkpoint of a training, or of "
            f"an earlier version: {way_out}"
        ) from error


def check_options_same(
    found: Checkpoint | None, options: Mapping[str, Any], free: Collection[str], to: str
) -> None:
    """Refuse to continue a training with other options.

    Args:
        found: checkpoint in the run's folder.
        options: present options.
        free: names, or beginnings of names, of options that may differ.
        to: the option that names another run folder.

    Raises:
        ConfigError: options differ; the message gives their names and both values.
    """
    if found is None:
        return
    before = found.training.options
    names = [name for name in dict.fromkeys((*before, *options)) if name not in free]
    other = [name for name in names if before.get(name, "absent") != options.get(name, "absent")]
    if other:
        told = ", ".join(
            f"--{name} {_words(before.get(name, 'absent'))} (now {_words(options.get(name, 'absent'))})"
            for name in other[:SHOWN]
        )
        more = f" and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
        raise ConfigError(
            f"{found.path} belongs to a training with {told}{more}: give the same options to go on, or another {to}"
        )


def check_steps(found: Checkpoint | None, steps: int, to: str) -> None:
    """Raise ConfigError if a training has done more steps than requested."""
    if found is not None and found.step > steps:
        raise ConfigError(
            f"{found.path} has {found.step} steps behind it, --steps is {steps}: ask for more, or give another {to}"
        )


def check_data_same(found: Checkpoint | None, data: str, to: str) -> None:
    """Raise DataError if a training began with other images or depth than it would continue with."""
    if found is not None and found.training.data != data:
        raise DataError(
            f"{found.path} belongs to a training on other data, or the files have changed since: give another {to}"
        )


def restore(
    found: Checkpoint | None, network: nn.Module, optimiser: torch.optim.Optimizer, schedule: Any
) -> int:
    """Restore the state of a checkpoint; return the number of updates done, 0 without one.

    Raises:
        WeightsError: it belongs to another network.
    """
    if found is None:
        return 0
    try:
        network.load_state_dict(found.state["network"])
        optimiser.load_state_dict(found.state["optimiser"])
        schedule.load_state_dict(found.state["schedule"])
        torch.set_rng_state(found.state["random"])
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{found.path} does not fit this run ({said}); use another run folder") from error
    return found.step


def _words(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "nothing"
    return str(value) if value != "" else "nothing"
