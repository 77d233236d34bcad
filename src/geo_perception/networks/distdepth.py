# SPDX-License-Identifier: Apache-2.0
"""DistDepth (CVPR 2022, arXiv 2112.02306): metric indoor depth from one image.

An encoder, the decoder of `depth_decoder.py` and a fixed map from its sigmoid to metres. MonoDepth2 and
DepthHints are the same network with other settings; see PRESETS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from geo_perception.errors import ConfigError, WeightsError
from geo_perception.networks.depth_decoder import UPSAMPLINGS, DepthDecoder, DepthDecoderConfig
from geo_perception.networks.encoders import channels_of, check_encoder, make_encoder, resnet

SCALES = (0, 1, 2, 3)


def sigmoid_to_depth(
    sigmoid: Tensor, min_depth_m: float = 0.1, max_depth_m: float = 10.0, numerator: float = 1.312
) -> Tensor:
    """Convert sigmoid values of any shape to metres: 0 gives numerator * max_depth_m, 1 numerator * min_depth_m."""
    check_range(min_depth_m, max_depth_m, numerator)
    nearest, farthest = 1 / min_depth_m, 1 / max_depth_m
    return numerator / (farthest + (nearest - farthest) * sigmoid)


def check_range(min_depth_m: float, max_depth_m: float, numerator: float) -> None:
    """Raise ConfigError unless 0 < min < max <= 1000 and 0 < numerator <= 1000."""
    if not 0 < min_depth_m < max_depth_m <= 1000:
        raise ConfigError(
            f"min_depth_m {min_depth_m} and max_depth_m {max_depth_m} must be 0 < min < max <= 1000"
        )
    if not 0 < numerator <= 1000:
        raise ConfigError(f"numerator {numerator} is not between 0 and 1000")


@dataclass(frozen=True)
class DistDepthConfig:
    """The defaults are the published settings, but for the encoder, which was mostly ResNet-152."""

    encoder: str = "resnet18"  # a name of networks.encoders.ENCODERS, timm:<name> or transformers:<folder>
    upsampling: str = "bilinear"  # "nearest" before May 2022 and in MonoDepth2 and DepthHints
    # Depth is numerator / (1/max + (1/min - 1/max) * sigmoid), so it lies between min and max times the numerator.
    min_depth_m: float = 0.1
    max_depth_m: float = 10.0  # 12 for NYUv2
    # 1.312 turns units in which the stereo baseline is 0.1 into metres for SimSIN's baseline of 13.12 cm. Networks
    # trained with the true baseline set 1.
    numerator: float = 1.312

    def __post_init__(self) -> None:
        check_encoder(self.encoder)
        if self.upsampling not in UPSAMPLINGS:
            raise ConfigError(f"upsampling {self.upsampling!r} is not one of {UPSAMPLINGS}")
        check_range(self.min_depth_m, self.max_depth_m, self.numerator)


MONODEPTH2 = DistDepthConfig(upsampling="nearest", max_depth_m=100.0, numerator=1.0)

# The published settings of the family. DepthHints differs from MonoDepth2 in its loss only.
PRESETS: dict[str, DistDepthConfig] = {
    "distdepth": DistDepthConfig(encoder="resnet152"),
    "distdepth_nyuv2": DistDepthConfig(encoder="resnet152", max_depth_m=12.0),
    "monodepth2": MONODEPTH2,
    "depth_hints": MONODEPTH2,
}


class DistDepthOutput(NamedTuple):
    """Result of a depth network."""

    sigmoids: tuple[Tensor, ...]  # (B,1,H/2^s,W/2^s) in 0..1 for s = 0 ... 3; 1 is the nearest depth
    depth_m: Tensor  # (B,1,H,W) metres, from the finest sigmoid


class DistDepth(nn.Module):
    """Depth from one image. The published files map to `encoder.` (encoder.pth) and `decoder.` (depth.pth)."""

    def __init__(self, config: DistDepthConfig = DistDepthConfig()) -> None:
        super().__init__()
        self.config = config
        self.encoder = make_encoder(config.encoder)
        self.decoder = DepthDecoder(DepthDecoderConfig(channels_of(self.encoder), SCALES, config.upsampling))

    def forward(self, image: Tensor) -> DistDepthOutput:
        """Predict depth.

        Args:
            image: (B,3,H,W) RGB in 0..1, not normalised; H and W multiples of 32, at least 64 (published 256 x 256).

        Raises:
            InputError: other shapes.
        """
        sigmoids = self.decoder(self.encoder(image))
        return DistDepthOutput(sigmoids, self.to_depth(sigmoids[0]))

    def to_depth(self, sigmoid: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Convert a sigmoid map to (B,1,H,W) metres; it is first resized to `size` (height, width) if given."""
        if size is not None and tuple(sigmoid.shape[2:]) != size:
            sigmoid = F.interpolate(sigmoid, size, mode="bilinear", align_corners=False)
        config = self.config
        return sigmoid_to_depth(sigmoid, config.min_depth_m, config.max_depth_m, config.numerator)


def infer_config(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Infer the encoder of a state dictionary with a ResNet. Raises WeightsError for any other."""
    if "decoder.decoder.0.conv.conv.weight" not in state:
        raise WeightsError(f"not DistDepth weights: no depth decoder among {len(state)} entries")
    if "encoder.layer0.0.weight" in state:
        raise WeightsError("these are weights of a multi-frame network: import them as `multi_frame`")
    if not any(name.startswith("encoder.encoder.") for name in state):
        return {}  # an encoder of another package; the caller names it
    return {"encoder": f"resnet{resnet.infer_config(state, 'encoder.encoder.')['layers']}"}
