# SPDX-License-Identifier: Apache-2.0
"""Convolutions for inference: batch norm folded in, activation and skip connection in the same pass over memory.

On the CPU they use the fused oneDNN operators that PyTorch's own compiler emits; where those are absent, or on another
device, the same is done with public operators. The fused operators would bring the weights into oneDNN's own order on
every call, which takes longer than the convolution where maps are small and layers wide, so this is done once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def folded(conv: Any, norm: Any = None) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of a convolution with the batch norm that follows it folded in."""
    weight, bias = conv.weight, conv.bias
    if norm is None:
        return weight, bias
    transposed = isinstance(conv, nn.ConvTranspose2d | nn.ConvTranspose3d)
    new_weight, new_bias = fuse_conv_bn_weights(
        weight,
        bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
        transpose=transposed,
    )
    return new_weight, new_bias


def reduced(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """(O,I,...) weights in another type, each tap rounded together with what the taps before it lost to rounding.

    Neighbouring pixels resemble each other, so what counts is the sum over the taps of a kernel: it stays within half
    a unit of the last place, where rounding every tap for itself lets it walk.
    """
    if weight.dtype == dtype:
        return weight
    taps = weight.flatten(2)
    out, lost = torch.empty_like(taps, dtype=dtype), torch.zeros_like(taps[..., 0])
    for index in range(taps.shape[2]):
        wanted = taps[..., index] + lost
        out[..., index] = wanted
        lost = wanted - out[..., index]
    return out.view_as(weight)


class FusedConv:
    """conv(x) [+ skip], then an activation; works on channels-last tensors of the given type."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        *,
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        dilation: tuple[int, ...] | None = None,
        groups: int = 1,
        slope: float | None = None,
        ceiling: float | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Prepare a convolution.

        Args:
            weight: weight of the convolution.
            bias: bias of the convolution.
            stride: stride of the convolution.
            padding: padding of the convolution.
            dilation: dilation of the convolution.
            groups: groups of the convolution.
            slope: slope of the activation for negative values; None: no activation, 0: ReLU.
            ceiling: value at which a ReLU ends; None: nowhere.
            dtype: type of input, output and weights.
        """
        weight = reduced(weight.detach(), dtype)
        self.weight = weight.contiguous(memory_format=CHANNELS_LAST[weight.dim()])
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.stride, self.padding = list(stride), list(padding)
        self.dilation = list(dilation or (1,) * len(stride))
        self.groups = groups
        self.slope, self.ceiling = slope, ceiling
        self.dtype = dtype
        self.fused = weight.device.type == "cpu" and has_fused_operators(dtype)
        self._packed: dict[int, Tensor] = {}  # the weight in oneDNN's order, by the number of threads

    @classmethod
    def of(
        cls,
        conv: Any,
        norm: Any = None,
        *,
        slope: float | None = None,
        ceiling: float | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> FusedConv:
        """From a convolution and the batch norm behind it."""
        weight, bias = folded(conv, norm)
        return cls(
            weight,
            bias,
            stride=conv.stride,
            padding=conv.padding,
            dilation=conv.dilation,
            groups=conv.groups,
            slope=slope,
            ceiling=ceiling,
            dtype=dtype,
        )

    def __call__(self, x: Tensor, skip: Tensor | None = None, padding: list[int] | None = None) -> Tensor:
        """Convolve x (B,C,...) of the layer type; `skip` is added before the activation, `padding` is for this call."""
        padding = padding or self.padding
        if self.fused:
            return self._fused(x, skip, padding)
        y = _convolve(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
        return activate_(y if skip is None else y.add_(skip), self.slope, self.ceiling)

    def _fused(self, x: Tensor, skip: Tensor | None, padding: list[int]) -> Tensor:
        shape = (self._weight_for(x, padding), self.bias, padding, self.stride, self.dilation, self.groups)
        attribute, scalars = _attribute(self.slope, self.ceiling)
        if skip is None:
            y: Tensor = torch.ops.mkldnn._convolution_pointwise(x, *shape, attribute, scalars, "")
            return y
        if attribute in ("leaky_relu", "hardtanh"):  # not offered together with a sum
            y = torch.ops.mkldnn._convolution_pointwise.binary(x, skip, *shape, "add", 1.0, None, [], "")
            return activate_(y, self.slope, self.ceiling)
        unary = None if attribute == "none" else attribute
        total: Tensor = torch.ops.mkldnn._convolution_pointwise.binary(
            x, skip, *shape, "add", 1.0, unary, [], ""
        )
        return total

    def _weight_for(self, x: Tensor, padding: list[int]) -> Tensor:
        """The weight in the order that is best for the first input seen; any other input takes it, too.

        But not with another number of threads, for which oneDNN likes another order and would make it at every call.
        """
        threads = torch.get_num_threads()
        if threads not in self._packed:
            self._packed[threads] = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, padding, self.stride, self.dilation, self.groups, list(x.shape)
            )
        return self._packed[threads]


class FusedDeconv:
    """Transposed convolution with folded batch norm, [+ skip], then an activation."""

    def __init__(
        self,
        conv: Any,
        norm: nn.Module | None,
        *,
        slope: float | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        weight, bias = folded(conv, norm)
        self.weight = weight.detach().to(dtype).contiguous(memory_format=CHANNELS_LAST[weight.dim()])
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.stride, self.padding, self.output_padding = conv.stride, conv.padding, conv.output_padding
        self.slope = slope
        self.transpose = F.conv_transpose3d if weight.dim() == 5 else F.conv_transpose2d

    def __call__(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        shape = (self.stride, self.padding, self.output_padding)
        if slow_bfloat16(x):
            bias = None if self.bias is None else self.bias.float()
            y = self.transpose(x.float(), self.weight.float(), bias, *shape).to(x.dtype)
        else:
            y = self.transpose(x, self.weight, self.bias, *shape)
        return activate_(y if skip is None else y.add_(skip), self.slope)


def activate_(x: Tensor, slope: float | None, ceiling: float | None = None) -> Tensor:
    """In-place (leaky) ReLU, or one that ends at `ceiling`; None leaves x as it is."""
    if ceiling is not None:
        return torch.clamp_(x, 0, ceiling)
    if slope is None:
        return x
    return torch.relu_(x) if slope == 0 else F.leaky_relu_(x, slope)


def _attribute(slope: float | None, ceiling: float | None) -> tuple[str, list[float]]:
    if ceiling is not None:
        return "hardtanh", [0.0, ceiling]
    if slope is None:
        return "none", []
    return ("relu", []) if slope == 0 else ("leaky_relu", [slope])


def _convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
) -> Tensor:
    shape = (stride, padding, dilation, False, [0] * len(stride), groups)
    if slow_bfloat16(x):
        bias = None if bias is None else bias.float()
        return torch.convolution(x.float(), weight.float(), bias, *shape).to(x.dtype)
    return torch.convolution(x, weight, bias, *shape)


def slow_bfloat16(x: Tensor) -> bool:
    """Return whether PyTorch would convolve number by number; on such processors float32 is a hundred times faster."""
    return x.dtype == torch.bfloat16 and x.device.type == "cpu" and not has_fused_operators(x.dtype)


@lru_cache(maxsize=4)
def has_fused_operators(dtype: torch.dtype = torch.float32) -> bool:
    """Return whether this PyTorch has the fused oneDNN operators in the form used here, with correct results.

    They are not public, so their answer is compared with the public operator before they are trusted. In bfloat16 they
    are refused where the processor lacks AVX-512.
    """
    if not torch._C._has_mkldnn:
        return False
    x, weight, bias = (torch.randn(shape).to(dtype) for shape in ((1, 4, 6, 6), (4, 4, 3, 3), (4,)))
    plain = F.conv2d(x.float(), weight.float(), bias.float(), padding=1)
    layout = ([1, 1], [1, 1], [1, 1], 1)
    try:
        packed = torch.ops.mkldnn._reorder_convolution_weight(weight, *layout, list(x.shape))
        shape = (packed, bias, *layout)
        total = torch.ops.mkldnn._convolution_pointwise.binary(x, x, *shape, "add", 1.0, "relu", [], "")
        clipped = torch.ops.mkldnn._convolution_pointwise(x, *shape, "hardtanh", [0.0, 6.0], "")
    except (AttributeError, RuntimeError, TypeError):  # another version of PyTorch, or of processor
        return False
    want = ((total, torch.relu(plain + x)), (clipped, F.relu6(plain)))
    allowed = (
        1e-4 if dtype == torch.float32 else 0.2
    )  # rounding of sums of 37 numbers with 8 bits of mantissa
    return all(torch.allclose(got.float(), expected, atol=allowed) for got, expected in want)
