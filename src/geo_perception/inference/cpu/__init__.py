# SPDX-License-Identifier: Apache-2.0
"""Faster forms of the networks for inference; the forms in the network files stay the reference.

`optimise(network)` folds batch norms, fuses activations and skips into convolutions, keeps channels last and avoids
copies; `precision` chooses the arithmetic. The original module is not changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from geo_perception.errors import ConfigError
from geo_perception.inference.cpu.distdepth import FastDistDepth
from geo_perception.inference.cpu.fuse import FastSequential
from geo_perception.inference.cpu.psmnet import FastPsmnet
from geo_perception.inference.cpu.scadc import FastScadc
from geo_perception.inference.cpu.scadc_guided import FastScadcGuided
from geo_perception.inference.cpu.ssdc import FastSsdc
from geo_perception.networks.distdepth import DistDepth
from geo_perception.networks.psmnet import Psmnet
from geo_perception.networks.scadc import Scadc
from geo_perception.networks.scadc_guided import ScadcGuided
from geo_perception.networks.ssdc import Ssdc

PRECISIONS = ("float32", "bfloat16", "auto")

# Networks with a form of their own; others get the generic one.
FAST_FORMS: dict[type[nn.Module], Callable[[Any, torch.dtype], nn.Module]] = {
    Scadc: FastScadc,
    ScadcGuided: FastScadcGuided,
    Ssdc: FastSsdc,
    Psmnet: FastPsmnet,
    DistDepth: FastDistDepth,
}


def optimise(module: nn.Module, precision: str = "float32") -> nn.Module:
    """A module with the inputs and outputs of `module` that runs faster.

    precision: arithmetic of the convolutions. "float32" equals the reference up to rounding; "bfloat16" has 8 bits of
    mantissa; "auto" is bfloat16 where the processor multiplies it natively, else float32. Outputs stay float32.
    Raises ConfigError for another precision. The result is for inference on the module's device only, and must not
    be called from two threads at once.
    """
    dtype = resolve_precision(precision, device_of(module))
    form = FAST_FORMS.get(type(module), FastSequential)
    with torch.no_grad():
        return form(module, dtype).eval()


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """The type of the convolutions for a device."""
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


def device_of(module: nn.Module) -> torch.device:
    """Return the device of a module's weights."""
    return next(module.parameters()).device
