# SPDX-License-Identifier: Apache-2.0
"""PoseNet (arXiv 1806.01260): relative camera motion from two or three stacked images.

Three images in the order 0, -1, +1 and ResNet-50 serve training, pairs in temporal order and ResNet-18 the
multi-frame network. The published files map to `encoder.` (pose_encoder.pth) and `decoder.` (pose.pth).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from geo_perception.errors import ConfigError, WeightsError
from geo_perception.geometry.reprojection import transform_from_axis_angle
from geo_perception.networks.encoders import resnet
from geo_perception.networks.encoders.resnet import BLOCKS, ResnetEncoder, ResnetEncoderConfig

WIDTH = 256
MOTIONS = 2  # predicted per input, whatever the number of images; a pair uses the first
SCALE = 0.01  # motions between video frames are small


@dataclass(frozen=True)
class PoseNetConfig:
    """The defaults are those of the multi-frame network; DistDepth's trainer takes 50 layers and 3 images."""

    layers: int = 18  # of the ResNet: 18, 34, 50, 101 or 152
    images: int = 2  # stacked at the input: a pair, or three frames

    def __post_init__(self) -> None:
        if self.layers not in BLOCKS:
            raise ConfigError(f"layers {self.layers!r} is not one of {tuple(BLOCKS)}")
        if self.images not in (2, 3):
            raise ConfigError(f"images {self.images!r} is not 2 or 3: {MOTIONS} motions are predicted")


class Motions(NamedTuple):
    """Result of PoseNet: n = 2 motions of each item."""

    axis_angle: Tensor  # (B,n,1,3) radians times unit axis
    translation: Tensor  # (B,n,1,3) in units of the depth it is trained with

    def transform(self, index: int = 0, *, invert: bool = False) -> Tensor:
        """Compute the (B,4,4) rigid transform of motion `index`."""
        return transform_from_axis_angle(self.axis_angle[:, index], self.translation[:, index], invert=invert)


class PoseDecoder(nn.Module):
    """Decoder of the coarsest map to motions: four convolutions and the mean over the image."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.net = nn.ModuleList(
            [
                nn.Conv2d(inputs, WIDTH, 1),
                nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
                nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
                nn.Conv2d(WIDTH, 6 * MOTIONS, 1),
            ]
        )

    def forward(self, features: Tensor) -> Motions:
        """Decode the coarsest map (B,C,h,w) to two motions of each item."""
        x = features
        for layer in self.net[:-1]:
            x = torch.relu(layer(x))
        # over W, then H: the order decides the last bit; half precision would turn small rotations into none
        mean = self.net[-1](x).float().mean(3).mean(2)
        motions = SCALE * mean.view(-1, MOTIONS, 1, 6)
        return Motions(motions[..., :3], motions[..., 3:])


class PoseNet(nn.Module):
    """Network from stacked images to motions."""

    def __init__(self, config: PoseNetConfig = PoseNetConfig()) -> None:
        super().__init__()
        self.config = config
        self.encoder = ResnetEncoder(ResnetEncoderConfig(config.layers, config.images))
        self.decoder = PoseDecoder(self.encoder.channels[-1])

    def forward(self, images: Tensor) -> Motions:
        """Predict two motions per item.

        Of three images (0, -1, +1) motion 0 leads from the first to the second, motion 1 to the third; of two images in
        temporal order motion 0 leads from the first to the second.

        Args:
            images: (B,3n,H,W) RGB in 0..1, n stacked images; H and W multiples of 32.

        Raises:
            InputError: other shapes.
        """
        motions: Motions = self.decoder(self.encoder(images)[-1])
        return motions


def infer_config(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Infer layers and images of a state dictionary. Raises WeightsError if it is not one of this network."""
    if "decoder.net.0.weight" not in state:
        raise WeightsError(f"not PoseNet weights: no pose decoder among {len(state)} entries")
    return resnet.infer_config(state, "encoder.encoder.")
