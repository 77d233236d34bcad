# SPDX-License-Identifier: Apache-2.0
"""The backend `cpu`: faster forms of the networks; the forms in the network files stay the reference.

`optimise(network)` folds batch norms, fuses activations and skips into convolutions, keeps channels last and avoids
copies; `precision` chooses the arithmetic. The original module is not changed. On another device than a processor the
same forms run with PyTorch's public operators.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from geo_perception.inference.cpu.distdepth import FastDistDepth
from geo_perception.inference.cpu.fuse import FastSequential
from geo_perception.inference.cpu.psmnet import FastPsmnet
from geo_perception.inference.cpu.scadc import FastScadc
from geo_perception.inference.cpu.scadc_guided import FastScadcGuided
from geo_perception.inference.cpu.ssdc import FastSsdc
from geo_perception.inference.execution import ExecutionSpec, device_of, module_on, resolve_precision
from geo_perception.networks.distdepth import DistDepth
from geo_perception.networks.psmnet import Psmnet
from geo_perception.networks.scadc import Scadc
from geo_perception.networks.scadc_guided import ScadcGuided
from geo_perception.networks.ssdc import Ssdc

# Networks with a form of their own; others get the generic one.
FAST_FORMS: dict[type[nn.Module], Callable[[Any, torch.dtype], nn.Module]] = {
    Scadc: FastScadc,
    ScadcGuided: FastScadcGuided,
    Ssdc: FastSsdc,
    Psmnet: FastPsmnet,
    DistDepth: FastDistDepth,
}


def load(source: nn.Module | Path, spec: ExecutionSpec) -> nn.Module:
    """The fast form of a module or of a model folder; raises as `module_on` and `optimise`."""
    return optimise(module_on(source, spec.device), spec.precision)


def optimise(module: nn.Module, precision: str = "float32") -> nn.Module:
    """A module with the inputs and outputs of `module` that runs faster.

    precision: arithmetic of the convolutions; raises as `resolve_precision`. Outputs stay float32. The result is for
    inference on the module's device only, and must not be called from two threads at once.
    """
    dtype = resolve_precision(precision, device_of(module))
    form = FAST_FORMS.get(type(module), FastSequential)
    with torch.no_grad():
        return form(module, dtype).eval()
