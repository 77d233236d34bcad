# SPDX-License-Identifier: Apache-2.0
"""DistDepth's family for inference."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from geo_perception.networks.distdepth import DistDepthOutput, sigmoid_to_depth
from geo_perception.networks.inference.depth_decoder import FastDecoder
from geo_perception.networks.inference.encoders import fast_encoder

IMAGES = 4  # that the encoder takes at a time on the CPU: weights are read seldom, maps stay below 32 MB (see `strips`)


class FastDistDepth(nn.Module):
    """The forward pass of `DistDepth` in eval mode, but for the coarser outputs. Not for concurrent calls."""

    def __init__(self, network: Any, dtype: torch.dtype) -> None:
        """From a `DistDepth`; PyTorch's types of sub-modules are too loose to name it."""
        super().__init__()
        self.config = network.config
        self.dtype = dtype
        self._encoder = fast_encoder(network.encoder, dtype)
        self._decoder = FastDecoder(network.decoder, dtype)

    def forward(self, image: Tensor) -> DistDepthOutput:
        """As `DistDepth.forward`, with the finest of the sigmoid maps only."""
        step = IMAGES if image.device.type == "cpu" else max(len(image), 1)
        parts = [image[start : start + step] for start in range(0, len(image), step)]
        sigmoid = torch.cat([self._decoder(self._encoder(part)) for part in parts])
        config = self.config
        depth_m = sigmoid_to_depth(sigmoid, config.min_depth_m, config.max_depth_m, config.numerator)
        return DistDepthOutput((sigmoid,), depth_m)
