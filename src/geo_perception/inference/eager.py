# SPDX-License-Identifier: Apache-2.0
"""The backend `eager`: the reference modules themselves, on any device, by PyTorch's public interface alone."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from geo_perception.inference.execution import ExecutionSpec, device_of, module_on, resolve_precision


class Eager:
    """A network in eval mode and without gradients; the type of its arithmetic is autocast's."""

    def __init__(self, module: nn.Module, dtype: torch.dtype) -> None:
        """From a module, which is copied, for it may be in training."""
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.dtype = dtype
        self._device_type = device_of(module).type

    @torch.inference_mode()
    def __call__(self, *inputs: Any) -> Any:
        """As the module's forward; outputs are float32 whatever the arithmetic."""
        if self.dtype == torch.float32:
            return self.module(*inputs)
        with torch.autocast(self._device_type, self.dtype):
            return as_float32(self.module(*inputs))


def load(source: nn.Module | Path, spec: ExecutionSpec) -> Eager:
    """The network of a module or of a model folder; raises as `module_on` and `resolve_precision`."""
    module = module_on(source, spec.device)
    return Eager(module, resolve_precision(spec.precision, device_of(module)))


def as_float32(output: Any) -> Any:
    """A network's output with every tensor in it, at any depth of tuples and lists, as float32."""
    if isinstance(output, Tensor):
        return output.float()
    if isinstance(output, list | tuple):
        parts = [as_float32(part) for part in output]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    return output
