# SPDX-License-Identifier: Apache-2.0
"""ManyDepth (arXiv 2104.14540) and DistDepth-M: depth from the current and earlier frames, one network with PRESETS.

The published files map to `encoder.` (encoder.pth) and `decoder.` (depth.pth); poses come from a `PoseNet` on pairs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from geo_perception.errors import ConfigError, InputError, WeightsError
from geo_perception.networks.depth_decoder import UPSAMPLINGS, DepthDecoder, DepthDecoderConfig
from geo_perception.networks.distdepth import SCALES, check_range, sigmoid_to_depth
from geo_perception.networks.encoders import resnet
from geo_perception.networks.encoders.matching import MatchingEncoder, MatchingEncoderConfig, Neighbours
from geo_perception.networks.posenet import Motions


@dataclass(frozen=True)
class MultiFrameConfig(MatchingEncoderConfig):
    """Encoder, decoder and range; the latter as in `DistDepthConfig`."""

    upsampling: str = "bilinear"
    min_depth_m: float = 0.1
    max_depth_m: float = 10.0
    numerator: float = 1.312

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.upsampling not in UPSAMPLINGS:
            raise ConfigError(f"upsampling {self.upsampling!r} is not one of {UPSAMPLINGS}")
        check_range(self.min_depth_m, self.max_depth_m, self.numerator)


PRESETS: dict[str, MultiFrameConfig] = {
    "distdepth_m": MultiFrameConfig(layers=101),
    "manydepth": MultiFrameConfig(upsampling="nearest", max_depth_m=100.0, numerator=1.0),
}


class MultiFrameOutput(NamedTuple):
    """Result of the multi-frame network."""

    sigmoids: tuple[Tensor, ...]  # as in DistDepthOutput
    depth_m: Tensor  # (B,1,H,W)
    lowest_cost_disparity: Tensor  # (B,H/4,W/4) 1/metres
    confidence: Tensor  # (B,H/4,W/4) 1 where all depths could be compared


class MultiFrame(nn.Module):
    """Depth from the current frame and its neighbours with known relative poses."""

    def __init__(self, config: MultiFrameConfig = MultiFrameConfig()) -> None:
        super().__init__()
        self.config = config
        self.encoder = MatchingEncoder(config)
        self.decoder = DepthDecoder(DepthDecoderConfig(self.encoder.channels, SCALES, config.upsampling))

    def forward(
        self, image: Tensor, near: Neighbours, bin_range_m: tuple[float, float] | None = None
    ) -> MultiFrameOutput:
        """Predict depth; arguments as of `MatchingEncoder.forward`."""
        matching = self.encoder(image, near, bin_range_m)
        sigmoids = self.decoder(matching.features)
        config = self.config
        depth_m = sigmoid_to_depth(sigmoids[0], config.min_depth_m, config.max_depth_m, config.numerator)
        return MultiFrameOutput(sigmoids, depth_m, matching.lowest_cost_disparity, matching.confidence)


def relative_poses(posenet: Callable[[Tensor], Motions], frames: Mapping[int, Tensor]) -> dict[int, Tensor]:
    """Compute poses of the other frames, (B,4,4) neighbour from current, by frame number.

    Args:
        posenet: a `PoseNet` of two images.
        frames: (B,3,H,W) RGB in 0..1 by number: 0, -1, ... -N and, if wanted, 1. A frame that is all black counts as
            missing: its pose is all zero.

    Raises:
        InputError: a number is left out.
    """
    earlier = [number for number in frames if number < 0]
    if 0 not in frames or sorted(earlier) != list(range(-len(earlier), 0)) or set(frames) - {*earlier, 0, 1}:
        raise InputError(f"frames must be 0, -1, ... -N and at most 1, got {sorted(frames)}")
    poses: dict[int, Tensor] = {}
    if 1 in frames:
        poses[1] = posenet(torch.cat((frames[0], frames[1]), 1)).transform(0)
    for number in range(-1, -len(earlier) - 1, -1):
        pair = torch.cat((frames[number], frames[number + 1]), 1)
        pose = posenet(pair).transform(0, invert=True)
        poses[number] = pose if number == -1 else pose @ poses[number + 1]
    return {number: _zero_if_missing(pose, frames[number]) for number, pose in poses.items()}


def _zero_if_missing(pose: Tensor, frame: Tensor) -> Tensor:
    present = frame.sum((1, 2, 3)) != 0
    return pose * present[:, None, None]


def track_bin_range(
    bin_range_m: tuple[float, float], mono_depth_m: Tensor, *, floor_m: float = 0.1
) -> tuple[float, float]:
    """Update the range of assumed depths by a batch of teacher depth (B,1,H,W), as ManyDepth does."""
    per_item = mono_depth_m.detach().flatten(1)
    low = max(floor_m, 0.9 * per_item.amin(1).mean().item())
    high = 1.1 * per_item.amax(1).mean().item()
    return 0.99 * bin_range_m[0] + 0.01 * low, 0.99 * bin_range_m[1] + 0.01 * high


def infer_config(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Infer layers, bins and size of a state dictionary. Raises WeightsError if it is not one of this network."""
    grid, pixels = (state.get(f"encoder.backprojector.{name}") for name in ("id_coords", "pix_coords"))
    if grid is None or pixels is None or grid.ndim != 3:
        raise WeightsError(f"not multi-frame weights: no backprojector among {len(state)} entries")
    renamed = {re.sub(r"^encoder\.layer1\.1\.", "encoder.layer1.", name): v for name, v in state.items()}
    renamed["encoder.conv1.weight"] = state.get("encoder.layer0.0.weight", pixels)
    layers = resnet.infer_config(renamed)["layers"]
    return {"layers": layers, "bins": len(pixels), "height": 4 * grid.shape[1], "width": 4 * grid.shape[2]}
