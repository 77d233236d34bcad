# SPDX-License-Identifier: Apache-2.0
"""The fast form of any network built from Sequentials of convolution, batch norm and ReLU."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from geo_perception.inference.cpu.fused_conv import FusedConv

NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)
CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)


class FastSequential(nn.Module):
    """Runs a network whose Sequentials were replaced by fused layers, with the arithmetic of `dtype`."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.dtype = dtype
        fuse(self.network, dtype)

    def forward(self, *inputs: Any) -> Any:
        """As the network's own forward."""
        return self.network(*inputs)


class OwnLayer(nn.Module):
    """A layer that cannot be fused, with the arithmetic it was made for."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Any:
        return self.layer(x.float())


class FusedLayer(nn.Module):
    """A fused convolution as a module; casts its input to the layer's type."""

    def __init__(
        self, conv: nn.Module, norm: nn.Module | None, slope: float | None, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.fused = FusedConv.of(conv, norm, slope=slope, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        memory_format = torch.channels_last_3d if x.dim() == 5 else torch.channels_last
        return self.fused(x.to(self.fused.dtype).contiguous(memory_format=memory_format))


def fuse(module: nn.Module, dtype: torch.dtype) -> None:
    """Replace, in place, every convolution by a fused layer with the norm and ReLU that follow it in a Sequential."""
    for name, child in module.named_children():
        if isinstance(child, nn.Sequential):
            setattr(module, name, nn.Sequential(*_fused_layers(_flat(child), dtype)))
        elif isinstance(child, CONVOLUTIONS):
            layer = FusedLayer(child, None, None, dtype) if is_plain(child) else OwnLayer(child)
            setattr(module, name, layer)
        else:
            fuse(child, dtype)


def is_plain(layer: nn.Module) -> bool:
    """Return whether a layer convolves as its attributes say; the `forward` of another class may pad differently."""
    return type(layer) in CONVOLUTIONS and getattr(layer, "padding_mode", "") == "zeros"


def _flat(sequential: nn.Sequential) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for layer in sequential:
        layers += _flat(layer) if isinstance(layer, nn.Sequential) else [layer]
    return layers


def _fused_layers(layers: list[nn.Module], dtype: torch.dtype) -> list[nn.Module]:
    out: list[nn.Module] = []
    while layers:
        layer = layers.pop(0)
        if not is_plain(layer):
            fuse(layer, dtype)
            out.append(OwnLayer(layer) if isinstance(layer, CONVOLUTIONS) else layer)
            continue
        norm = layers.pop(0) if layers and isinstance(layers[0], NORMS) else None
        slope = _slope(layers.pop(0)) if layers and isinstance(layers[0], nn.ReLU | nn.LeakyReLU) else None
        out.append(FusedLayer(layer, norm, slope, dtype))
    return out


def _slope(activation: nn.Module) -> float:
    return activation.negative_slope if isinstance(activation, nn.LeakyReLU) else 0.0
