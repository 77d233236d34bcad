# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolutions that can be trained in bfloat16 on a processor.

oneDNN has a quick forward pass in bfloat16, but no quick gradients of the weights of kernels above 3x3, nor of the
input where the stride is 2: they take three to twenty times as long as in float32, in which they are computed here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SMALL = 3  # the largest kernel whose weights oneDNN has a quick gradient for in bfloat16


def depthwise_conv2d(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Every channel filtered by itself, as `conv2d` with as many groups.

    Args:
        x: (B,C,H,W).
        weight: (C,1,k,k).
        stride, padding: of both directions.
    """
    if x.device.type != "cpu" or not torch.is_grad_enabled():
        return F.conv2d(x, weight, None, stride, padding, groups=len(weight))
    out: Tensor = _Depthwise.apply(x, weight, stride, padding)  # type: ignore[no-untyped-call]  # PyTorch's own
    return out


class _Depthwise(torch.autograd.Function):
    """PyTorch's, with each gradient in the type that is quicker."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, None, stride, padding, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (gradient,), (x, weight) = gradients, ctx.saved_tensors
        for_x, for_weight = ctx.needs_input_grad[:2]
        layout = ctx.stride, ctx.padding
        own = input_gradient(gradient, x, weight, *layout) if for_x else None
        return own, weight_gradient(gradient, x, weight, *layout) if for_weight else None, None, None


def input_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """(B,C,H,W) gradient of the input."""
    dtype = gradient.dtype if stride == 1 else torch.float32
    return _native(gradient.to(dtype), x.to(dtype), weight.to(dtype), stride, padding, 0).to(x.dtype)


def weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """(C,1,k,k) gradient of the weights."""
    dtype = gradient.dtype if weight.shape[-1] <= SMALL else torch.float32
    return _native(gradient.to(dtype), x.to(dtype), weight.to(dtype), stride, padding, 1).to(weight.dtype)


def _native(g: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int, which: int) -> Tensor:
    """PyTorch's gradient of the input (0) or of the weights (1)."""
    wanted = [which == 0, which == 1, False]
    layout = ([stride] * 2, [padding] * 2, [1, 1], False, [0, 0], len(weight))
    found: Tensor = torch.ops.aten.convolution_backward(g, x, weight, None, *layout, wanted)[which]
    return found
