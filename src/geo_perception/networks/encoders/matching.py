# SPDX-License-Identifier: Apache-2.0
"""Encoder of ManyDepth (arXiv 2104.14540) and DistDepth-M: a ResNet that compares the frame with its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from geo_perception.errors import ConfigError, InputError
from geo_perception.networks.distdepth import check_range
from geo_perception.networks.encoders import resnet
from geo_perception.networks.encoders.resnet import BLOCKS, normalise
from geo_perception.networks.layers import cost_volume
from geo_perception.networks.layers.image_check import MULTIPLE

BINNINGS = ("linear", "inverse")
PREMATCHING_CHANNELS = 16
MATCHING_LEVEL = 2  # features are matched at 1/2^2 of the image's size


@dataclass(frozen=True)
class MatchingEncoderConfig:
    """The defaults are those of the published class, but for the range, which its evaluation sets to 0.1 ... 10 m."""

    layers: int = 18  # of the ResNet
    height: int = 256  # of the image; the published files hold constants of this size
    width: int = 256
    bins: int = 96  # assumed depths
    binning: str = "linear"  # "inverse": evenly spaced in inverse depth
    # Range of the assumed depths; files of adaptively trained networks contain theirs, which importing uses.
    min_bin_m: float = 0.1
    max_bin_m: float = 10.0

    def __post_init__(self) -> None:
        if self.layers not in BLOCKS:
            raise ConfigError(f"layers {self.layers!r} is not one of {tuple(BLOCKS)}")
        if self.binning not in BINNINGS:
            raise ConfigError(f"binning {self.binning!r} is not one of {BINNINGS}")
        if self.bins < 2:
            raise ConfigError(f"bins {self.bins} are not at least 2")
        if min(self.height, self.width) < 2 * MULTIPLE or self.height % MULTIPLE or self.width % MULTIPLE:
            raise ConfigError(f"size {self.height}x{self.width} is not in multiples of 32 from 64 on")
        check_range(self.min_bin_m, self.max_bin_m, 1.0)


class Neighbours(NamedTuple):
    """Neighbours that the current frame is compared with."""

    images: Tensor  # (B,F,3,H,W) RGB in 0..1
    poses: Tensor  # (B,F,4,4) neighbour from current; all zero = this neighbour is missing
    K: Tensor  # (B,4,4) intrinsics in pixels of the image at a quarter of its size
    inv_K: Tensor  # noqa: N815 - (B,4,4) its inverse, by the field's name for it

    @classmethod
    def of(cls, images: Tensor, poses: Tensor, K: Tensor) -> Neighbours:
        """Make neighbours of intrinsics (B,4,4) in pixels of the images; scaled as in the published code."""
        return cls(images, poses, *matching_intrinsics(K))


def edges_at_zero(K: Tensor) -> Tensor:
    """Convert (B,4,4) intrinsics from pixel centres at integers to the image's edge at 0, for multi-frame networks."""
    moved = K.clone()
    moved[:, :2, 2] += 0.5
    return moved


def matching_intrinsics(K: Tensor) -> tuple[Tensor, Tensor]:
    """Scale (B,4,4) intrinsics to the image at a quarter of its size; returns them and their inverse."""
    scaled = K.clone()
    scaled[:, :2] /= 1 << MATCHING_LEVEL
    return scaled, torch.linalg.inv(scaled)


class Matching(NamedTuple):
    """Result of the comparison of frames."""

    features: list[Tensor]  # five maps for the decoder; the second is from before the matching
    lowest_cost_disparity: Tensor  # (B,H/4,W/4) 1/metres of the best match
    confidence: Tensor  # (B,H/4,W/4) 1 where all depths could be compared


class Backprojector(nn.Module):
    """Constants that the published files hold: pixel grid, homogeneous pixels per bin, and ones."""

    id_coords: Tensor
    ones: Tensor
    pix_coords: Tensor

    def __init__(self, bins: int, height: int, width: int) -> None:
        super().__init__()
        v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        grid = torch.stack((u, v)).float()
        ones = torch.ones(bins, 1, height * width)
        pixels = torch.cat((grid.flatten(1), ones[0]))
        self.register_buffer("id_coords", grid)
        self.register_buffer("ones", ones)
        self.register_buffer("pix_coords", pixels.expand(bins, -1, -1).clone())

    def forward(self, bins_m: Tensor, inv_K: Tensor) -> Tensor:
        """Backproject (D,) depths with (4,4) inverse intrinsics -> (D,4,h*w) homogeneous points."""
        points = bins_m[:, None, None] * (inv_K[None, :3, :3] @ self.pix_coords)
        return torch.cat((points, self.ones), 1)


class MatchingEncoder(nn.Module):
    """ResNet that takes in, after its first stage, the matching cost of each assumed depth."""

    def __init__(self, config: MatchingEncoderConfig = MatchingEncoderConfig()) -> None:
        super().__init__()
        self.config = config
        self.channels = resnet.channels_of(config.layers)
        stem, wide = self.channels[:2]
        self.layer0 = nn.Sequential(
            nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(stem), nn.ReLU()
        )
        stages = [resnet.stage(config.layers, index) for index in range(4)]
        self.layer1 = nn.Sequential(nn.MaxPool2d(3, stride=2, padding=1), stages[0])
        self.layer2, self.layer3, self.layer4 = stages[1:]
        self.backprojector = Backprojector(
            config.bins, config.height >> MATCHING_LEVEL, config.width >> MATCHING_LEVEL
        )
        # In the published files but never used; frozen, so that nothing waits for its gradients.
        unused = nn.Conv2d(stem, PREMATCHING_CHANNELS, 1).requires_grad_(False)
        self.prematching_conv = nn.Sequential(unused, nn.ReLU())
        self.reduce_conv = nn.Sequential(nn.Conv2d(wide + config.bins, wide, 3, padding=1), nn.ReLU())
        resnet.initialise(self)

    def forward(
        self, image: Tensor, near: Neighbours, bin_range_m: tuple[float, float] | None = None
    ) -> Matching:
        """Encode an image and match it with its neighbours; sizes are those of the config.

        Args:
            image: (B,3,H,W) RGB in 0..1.
            near: the neighbours.
            bin_range_m: range of the assumed depths in place of the config's, as adaptive training tracks it.

        Raises:
            InputError: other shapes.
        """
        check_neighbours(self.config, image, near)
        first, current = self.shallow(image)
        with torch.no_grad():
            _, lookups = self.shallow(near.images.flatten(0, 1))
            lookups = lookups.reshape(*near.images.shape[:2], *lookups.shape[1:])
        bins_m = self.bins_m(bin_range_m).to(image.device)
        volume = self.match(current, lookups, near, bins_m)
        confidence = cost_volume.confidence(volume)
        lowest = cost_volume.lowest_cost_disparity(volume, bins_m)
        fused = self.reduce_conv(torch.cat((current, volume.cost * confidence[:, None]), 1))
        features = [first, current, self.layer2(fused)]
        features.append(self.layer3(features[-1]))
        features.append(self.layer4(features[-1]))
        return Matching(features, lowest, confidence)

    def shallow(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the maps at 1/2 and 1/4; the second is matched."""
        first = self.layer0(normalise(image))
        return first, self.layer1(first)

    def bins_m(self, bin_range_m: tuple[float, float] | None = None) -> Tensor:
        """Compute (D,) assumed depths in metres."""
        low, high = bin_range_m or (self.config.min_bin_m, self.config.max_bin_m)
        return cost_volume.depth_bins(low, high, self.config.bins, self.config.binning)

    @torch.no_grad()
    def match(
        self, current: Tensor, lookups: Tensor, near: Neighbours, bins_m: Tensor
    ) -> cost_volume.CostVolume:
        """Compute the cost volume of features (B,C,h,w) and (B,F,C,h,w)."""
        points = torch.stack([self.backprojector(bins_m, inv_K) for inv_K in near.inv_K])
        return cost_volume.match_features(current.float(), lookups.float(), near.poses, near.K, points)


def check_neighbours(config: MatchingEncoderConfig, image: Tensor, near: Neighbours) -> None:
    """Raise InputError unless all shapes fit each other and the config."""
    batch, size = len(image), (config.height, config.width)
    frames = near.images.shape[1] if near.images.ndim == 5 else "F"
    wanted = {
        "image": (image, (batch, 3, *size)),
        "images": (near.images, (batch, frames, 3, *size)),
        "poses": (near.poses, (batch, frames, 4, 4)),
        "K": (near.K, (batch, 4, 4)),
        "inv_K": (near.inv_K, (batch, 4, 4)),
    }
    for name, (tensor, shape) in wanted.items():
        if tuple(tensor.shape) != shape:
            raise InputError(f"the multi-frame encoder needs {name} {shape}, got {tuple(tensor.shape)}")
