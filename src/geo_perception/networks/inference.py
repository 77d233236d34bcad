# SPDX-License-Identifier: Apache-2.0
"""Faster forms of the networks for inference; the forms in the network files stay the reference."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from geo_perception.errors import ConfigError

PRECISIONS = ("float32", "bfloat16", "auto")


def resolve_precision(precision: str) -> torch.dtype:
    """The arithmetic of the convolutions; "auto" takes bfloat16 where the processor multiplies it natively."""
    if precision not in PRECISIONS:
        raise ConfigError(f"precision {precision!r} is not one of {PRECISIONS}")
    if precision == "auto":
        return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def optimise(module: nn.Module, precision: str = "float32") -> nn.Module:
    """A module with the same inputs and outputs that runs faster; `module` itself is not changed.

    precision: arithmetic of the convolutions, one of PRECISIONS; inputs and outputs stay float32.
    Raises ConfigError for another precision.
    """
    dtype = resolve_precision(precision)
    fast = copy.deepcopy(module).eval().requires_grad_(False)
    fold_batch_norm(fast)
    return Cast(fast.to(memory_format=torch.channels_last), dtype)


def fold_batch_norm(module: nn.Module) -> None:
    """Fold every batch norm that follows a convolution in a Sequential into it, in place."""
    for child in module.modules():
        if not isinstance(child, nn.Sequential):
            continue
        for i in range(len(child) - 1):
            if isinstance(child[i + 1], nn.BatchNorm2d | nn.BatchNorm3d):
                transposed = isinstance(child[i], nn.ConvTranspose2d | nn.ConvTranspose3d)
                child[i] = fuse_conv_bn_eval(child[i], child[i + 1], transpose=transposed)
                child[i + 1] = nn.Identity()


class Cast(nn.Module):
    """Runs a network with its convolutions in `dtype`."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network
        self.dtype = dtype

    def forward(self, *inputs: torch.Tensor):  # type: ignore[no-untyped-def]
        with torch.autocast(inputs[0].device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            return self.network(*inputs)
