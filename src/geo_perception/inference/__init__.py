# SPDX-License-Identifier: Apache-2.0
"""Execution of the networks by one of several backends; the modules in `networks` stay the reference.

`load(module, ExecutionSpec(device, precision))` gives a callable with the module's inputs and outputs. A new backend is
one file with such a function and one line in BACKENDS.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from geo_perception.errors import ConfigError
from geo_perception.inference import cpu, eager
from geo_perception.inference.execution import ExecutionSpec

__all__ = ["BACKENDS", "ExecutionSpec", "NetworkCallable", "load"]

NetworkCallable = Callable[..., Any]  # with the inputs and outputs of the network's `forward`

BACKENDS: dict[str, Callable[[nn.Module | Path, ExecutionSpec], NetworkCallable]] = {
    "eager": eager.load,
    "cpu": cpu.load,
}


def load(source: nn.Module | Path, spec: ExecutionSpec) -> NetworkCallable:
    """A network ready for inference on a device.

    Args:
        source: the reference module, which is left as it is, or a file or folder that the backend reads; "eager" and
            "cpu" read model folders.
        spec: device, precision and backend.

    Returns:
        A callable that takes what the module's `forward` does and gives it, with depth and disparity in float32. It
        must not be called from two threads at once.

    Raises:
        ConfigError: no such backend, precision or device.
        WeightsError: the folder is missing, damaged or of another network.
    """
    if spec.backend not in BACKENDS:
        raise ConfigError(f"backend {spec.backend!r} is not one of {sorted(BACKENDS)}")
    return BACKENDS[spec.backend](source, spec)
