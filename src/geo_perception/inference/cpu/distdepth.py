# SPDX-License-Identifier: Apache-2.0
"""DistDepth's family for inference."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from geo_perception.inference.cpu.depth_decoder import FastDecoder
from geo_perception.inference.cpu.encoders import fast_encoder
from geo_perception.inference.cpu.thread_pool import shares, side_by_side
from geo_perception.networks.distdepth import DistDepthOutput, sigmoid_to_depth

# That the encoder takes at a time on the CPU: weights are read seldom, maps stay below 32 MB (see `strips`). More than
# these are worth another thread.
IMAGES = 4


class FastDistDepth(nn.Module):
    """The forward pass of `DistDepth` in eval mode, but for the coarser outputs. Not for concurrent calls."""

    def __init__(self, network: Any, dtype: torch.dtype) -> None:
        """From a `DistDepth`; PyTorch's types of sub-modules are too loose to name it."""
        super().__init__()
        self.config = network.config
        self.dtype = dtype
        self._encoder = fast_encoder(network.encoder, dtype)
        self._decoders = [FastDecoder(network.decoder, dtype)]  # one for every thread, with the same weights

    def forward(self, image: Tensor) -> DistDepthOutput:
        """As `DistDepth.forward`, with the finest of the sigmoid maps only."""
        sigmoid = (
            self._on_cpu(image) if image.device.type == "cpu" else self._sigmoid(self._decoders[0], image)
        )
        config = self.config
        depth_m = sigmoid_to_depth(sigmoid, config.min_depth_m, config.max_depth_m, config.numerator)
        return DistDepthOutput((sigmoid,), depth_m)

    def _on_cpu(self, image: Tensor) -> Tensor:
        """Sigmoid map of a batch, in parts that fit the threads and the cache."""
        parts = image.tensor_split(shares(len(image), IMAGES))
        while len(self._decoders) < len(parts):
            self._decoders.append(self._decoders[0].twin())
        pairs = zip(self._decoders[: len(parts)], parts, strict=True)
        return torch.cat(side_by_side([partial(self._in_steps, *pair) for pair in pairs]))

    def _in_steps(self, decoder: FastDecoder, image: Tensor) -> Tensor:
        return torch.cat([self._sigmoid(decoder, few) for few in torch.split(image, IMAGES)])

    def _sigmoid(self, decoder: FastDecoder, image: Tensor) -> Tensor:
        return decoder(self._encoder(image))
