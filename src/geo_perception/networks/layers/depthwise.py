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
    """Filter every channel by itself, as `conv2d` with as many groups.

    Args:
        x: (B,C,H,W).
        weight: (C,1,k,k).
        stride: stride in both directions.
        padding: padding in both directions.
    """
    if x.device.type != "cpu" or not torch.is_grad_enabled():
        return F.conv2d(x, weight, None, stride, padding, groups=len(weight))
    out: Tensor = _Depthwise.apply(x, weight, stride, padding)  # type: ignore[no-untyped-call]  # torch has no type for it
    return out


class _Depthwise(torch.autograd.Function):
    """PyTorch's depthwise convolution, with each gradient in the type that is quicker."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, None, stride, padding, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (gradient,), (_, weight) = gradients, ctx.saved_tensors
        for_x, for_weight = ctx.needs_input_grad[:2]
        exact = torch.promote_types(gradient.dtype, torch.float32)
        x_type = gradient.dtype if ctx.stride == 1 else exact
        weight_type = gradient.dtype if weight.shape[-1] <= SMALL else exact
        if x_type == weight_type:
            return *_native(ctx, gradient.to(x_type), (for_x, for_weight)), None, None
        of_x, _ = _native(ctx, gradient.to(x_type), (for_x, False))
        _, of_weight = _native(ctx, gradient.to(weight_type), (False, for_weight))
        return of_x, of_weight, None, None


def _native(ctx: Any, gradient: Tensor, wanted: tuple[bool, bool]) -> tuple[Tensor | None, Tensor | None]:
    """Compute PyTorch's gradients of the input and of the weights, in the type of the output's gradient."""
    if not any(wanted):
        return None, None
    x, weight = (value.to(gradient.dtype) for value in ctx.saved_tensors)
    layout = ([ctx.stride] * 2, [ctx.padding] * 2, [1, 1], False, [0, 0], len(weight))
    found = torch.ops.aten.convolution_backward(gradient, x, weight, None, *layout, [*wanted, False])
    of_x, of_weight = (
        value.to(saved.dtype) if value is not None else None
        for value, saved in zip(found[:2], ctx.saved_tensors, strict=True)
    )
    return of_x, of_weight
