# SPDX-License-Identifier: Apache-2.0
"""Device, precision and backend of a network's execution, and what all backends share."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from geo_perception.errors import ConfigError
from geo_perception.weights import load_model
from geo_perception.weights.store import check_device

PRECISIONS = ("float32", "bfloat16", "auto")


@dataclass(frozen=True)
class ExecutionSpec:
    """Where and how a network runs."""

    device: str = "cpu"  # as PyTorch names it
    precision: str = "float32"  # see `resolve_precision`
    # The fused forms are the quickest on processors and equal the reference up to rounding. Elsewhere they compute the
    # same with public operators. "eager" switches them off.
    backend: str = "cpu"


def module_on(source: nn.Module | Path, device: str) -> nn.Module:
    """The module, or that of a model folder, with its weights on a device; one that lies elsewhere is copied.

    Raises:
        ConfigError: the device does not exist here.
        WeightsError: the folder is missing, damaged or of another network.
    """
    if isinstance(source, Path):
        return load_model(source, device)
    wanted = torch.empty(0, device=check_device(device)).device  # "cuda" is the current one of several
    return source if device_of(source) == wanted else copy.deepcopy(source).to(wanted)


def device_of(module: nn.Module) -> torch.device:
    """Where a module's weights are."""
    return next(module.parameters()).device


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """The type of the convolutions for a device.

    "float32" equals the reference up to rounding; "bfloat16" has 8 bits of mantissa; "auto" is bfloat16 where the
    device multiplies it natively, else float32. Raises ConfigError for another precision.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision {precision!r} is not one of {PRECISIONS}")
    if precision == "auto":
        return torch.bfloat16 if has_native_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def has_native_bfloat16(device: torch.device) -> bool:
    """Return whether the device multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return device.type == "cpu" and bool(native)
