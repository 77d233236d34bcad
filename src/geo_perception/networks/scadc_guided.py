# SPDX-License-Identifier: Apache-2.0
"""SCADC-guided: a variant of SCADC that also takes in the image and how well each depth map explains it.

As in SCADC a lidar confidence blends both depth maps and a convolutional network refines the blend. What differs:
blend and refinement work on log depth; the confidence takes in both depth maps, the return distance, the grey image and
the matching cost of either map; one U-Net at half resolution replaces three hourglasses at full resolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log1p
from typing import NamedTuple

import torch
from torch import Tensor, nn

from geo_perception.errors import ConfigError, InputError
from geo_perception.networks.layers.hourglass import conv_bn_relu

# Channels of the input, in order; made by pipelines.stereo_lidar_fusion.scadc_guided_features.
FEATURES = (
    "log_stereo",  # ln(stereo depth / 15 m)
    "log_lidar",  # ln(completed lidar depth / 15 m)
    "log_raw_excess",  # ln(completion of all returns / completion of visible returns)
    "sparse_excess",  # ln(return / completed depth) at visible returns, else 0
    "return_mask",  # 1 at visible returns
    "return_reach",  # exp(-distance to the nearest visible return / 5 px)
    "return_distance",  # ln(1 + that distance) / 4
    "stereo_matched",  # 1 where stereo matched, 0 where filled
    "disparity_gap",  # tanh((stereo disparity - lidar disparity) / 4 px)
    "grey",  # 0..1
    "stereo_cost",  # matching cost at the stereo depth, 0..1
    "lidar_cost",  # matching cost at the completed lidar depth, 0..1
    "stereo_nearer",  # by how much stereo disparity rises within 2 pixels, / 4 px, at most 2: is an edge near?
    "stereo_farther",  # by how much it falls
    "lidar_nearer",  # both for the completed lidar
    "lidar_farther",
)
MULTIPLE = 16  # height and width must divide by this
UNIT_M = 15.0  # unit of the two log channels: the typical depth of a street, so that they stay near zero


@dataclass(frozen=True)
class ScadcGuidedConfig:
    """Widths at 1/2, 1/4, 1/8 and 1/16 of the resolution; twice the defaults were no better on real streets."""

    widths: tuple[int, int, int, int] = (16, 24, 32, 48)
    # Also predict a residual of the log depth. Off: the result always lies between both depth maps. On simulated
    # streets a residual lowers the error, on real ones the weights trained there raised it (MAE 0.48 -> 0.51 m).
    residual: bool = False
    # Pixels from the nearest return at which a matched stereo pixel begins to stand alone, and at which it wholly does:
    # completion is extrapolation there, which simulated facades reward and real trees and wires do not.
    reach_px: tuple[float, float] = (15.0, 60.0)

    def __post_init__(self) -> None:
        if not 0 <= self.reach_px[0] < self.reach_px[1]:
            raise ConfigError(f"reach_px must be two rising numbers of at least 0, got {self.reach_px}")
        if len(self.widths) != 4 or min(self.widths) < 4:
            raise ConfigError(f"widths must be four numbers of at least 4, got {self.widths}")


class ScadcGuidedOutput(NamedTuple):
    """Result of SCADC-guided."""

    depth_m: Tensor  # (B,1,H,W) metres, positive
    lidar_confidence: Tensor  # (B,1,H,W) weight of the lidar in the blend, 0..1
    blend_m: Tensor  # (B,1,H,W) the blend before refinement


class Level(nn.Module):
    """Two 3x3 convolutions; the first changes width and may halve the resolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.enter = conv_bn_relu(inputs, outputs, 3, stride=stride, padding=1)
        self.refine = conv_bn_relu(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B,inputs,H,W) -> (B,outputs,H/stride,W/stride)."""
        y: Tensor = self.refine(self.enter(x))
        return y


class Merge(nn.Module):
    """Doubles the resolution of a coarse map and joins it with a finer one."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.narrow = conv_bn_relu(coarse, fine, 1, padding=0)
        self.up = nn.Upsample(scale_factor=2.0, mode="nearest")
        self.join = conv_bn_relu(2 * fine, fine, 3, padding=1)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Merge (B,coarse,H,W) and (B,fine,2H,2W) -> (B,fine,2H,2W)."""
        y: Tensor = self.join(torch.cat((self.up(self.narrow(coarse)), fine), dim=1))
        return y


class ScadcGuided(nn.Module):
    """Confidence and refinement of two depth maps from FEATURES."""

    def __init__(self, config: ScadcGuidedConfig = ScadcGuidedConfig()) -> None:
        super().__init__()
        self.config = config
        w2, w4, w8, w16 = config.widths
        self.unshuffle = nn.PixelUnshuffle(2)
        self.level2 = Level(4 * len(FEATURES), w2, stride=1)
        self.level4 = Level(w2, w4, stride=2)
        self.level8 = Level(w4, w8, stride=2)
        self.level16 = Level(w8, w16, stride=2)
        self.merge8, self.merge4, self.merge2 = Merge(w16, w8), Merge(w8, w4), Merge(w4, w2)
        planes = 2 if config.residual else 1
        self.head = without_effect(nn.Conv2d(w2, 4 * planes, 3, padding=1))
        self.shuffle = nn.PixelShuffle(2)
        # Score of a pixel by itself, at full resolution. Training starts from a confidence that falls with the distance
        # to the returns, one half at 5 px.
        self.skip = without_effect(nn.Conv2d(len(FEATURES), planes, 1))
        with torch.no_grad():
            self.skip.weight[0, FEATURES.index("return_reach")] = 8.0
            assert self.skip.bias is not None
            self.skip.bias[0] = -3.0

    def forward(self, features: Tensor) -> ScadcGuidedOutput:
        """Fuse both depth maps.

        Args:
            features: float (B,16,H,W) in the order of FEATURES, H and W divisible by 16.

        Raises:
            InputError: other shapes.
        """
        check_features(features)
        scores = self.scores(features).float()
        confidence = torch.sigmoid(scores[:, 0:1]) * within_reach(features, self.config.reach_px)
        log_stereo, log_lidar = features[:, 0:1].float(), features[:, 1:2].float()
        blend = torch.lerp(log_stereo, log_lidar, confidence)
        refined = blend + scores[:, 1:2] if self.config.residual else blend
        return ScadcGuidedOutput(UNIT_M * torch.exp(refined), confidence, UNIT_M * torch.exp(blend))

    def scores(self, features: Tensor) -> Tensor:
        """Compute the (B,1,H,W) confidence logit; with a residual (B,2,H,W), whose second plane it is."""
        fine2 = self.level2(self.unshuffle(features))
        fine4 = self.level4(fine2)
        fine8 = self.level8(fine4)
        coarse = self.merge8(self.level16(fine8), fine8)
        refined = self.shuffle(self.head(self.merge2(self.merge4(coarse, fine4), fine2)))
        out: Tensor = refined + self.skip(features)
        return out


def within_reach(features: Tensor, reach_px: tuple[float, float]) -> Tensor:
    """Compute the largest allowed confidence (B,1,H,W): 1 without stereo match; else 1 near returns, 0 far from all.

    It falls linearly in the channel's own logarithmic distance.
    """
    near, far = (log1p(distance) / 4 for distance in reach_px)
    index = FEATURES.index("return_distance")
    beyond = ((features[:, index : index + 1].float() - near) * (1 / (far - near))).clamp_(0, 1)
    matched = FEATURES.index("stereo_matched")
    return 1 - beyond * features[:, matched : matched + 1].float()


def without_effect(layer: nn.Conv2d) -> nn.Conv2d:
    """Set weights and biases of the layer to zero, and return it."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def check_features(features: Tensor) -> None:
    """Raise InputError unless the shape is (B,16,H,W) with H and W divisible by 16."""
    shape = tuple(features.shape)
    if len(shape) != 4 or shape[1] != len(FEATURES):
        raise InputError(f"SCADC-guided needs (B,{len(FEATURES)},H,W) features, got {shape}")
    if shape[2] % MULTIPLE or shape[3] % MULTIPLE:
        raise InputError(f"SCADC-guided needs H and W divisible by {MULTIPLE}, got {shape[2]}x{shape[3]}")
