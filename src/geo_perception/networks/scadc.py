# SPDX-License-Identifier: Apache-2.0
"""SCADC: scene-completeness-aware depth completion (ICASSP 2021, arXiv 2003.06945).

A confidence branch over the raw returns blends stereo depth with completed lidar depth (section 4 of the
dissertation), and three stacked hourglasses refine the blend. Structure and state-dict keys are as published.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geo_perception.errors import ConfigError, InputError
from geo_perception.networks.layers.hourglass import Hourglass, conv_bn, conv_bn_relu

CONFIDENCE_ACTIVATIONS = ("relu", "leaky_relu", "none")
LEAKY_SLOPE = 0.1


@dataclass(frozen=True)
class ScadcConfig:
    """The defaults are the published network; each field's comment tells what another value changes."""

    # Activation of the two narrow confidence blocks (sa2), the last of which feeds the softmax. "relu" is
    # as published, but its zero gradient is how the released weights lost their confidence; "leaky_relu" or
    # "none" (linear) keep a newly trained branch alive.
    confidence_activation: str = "relu"
    # Factor on the stereo depth at the input. 1.0 means metric depth; the released weights were trained
    # on stereo depths of about 0.87 of the truth, so their card sets 0.87.
    stereo_scale: float = 1.0

    def __post_init__(self) -> None:
        if self.confidence_activation not in CONFIDENCE_ACTIVATIONS:
            raise ConfigError(
                f"confidence_activation {self.confidence_activation!r} is not one of {CONFIDENCE_ACTIVATIONS}"
            )
        if not 0.0 < self.stereo_scale < 10.0:
            raise ConfigError(f"stereo_scale {self.stereo_scale} is not between 0 and 10")


class ScadcOutput(NamedTuple):
    """Result of SCADC; the last stage is the depth."""

    stages: tuple[
        Tensor, Tensor, Tensor
    ]  # depth in metres after each hourglass, each (B,1,H,W), may be negative
    lidar_confidence: Tensor  # (B,1,H,W) in [0,1]; the stereo confidence is 1 minus this

    @property
    def depth_m(self) -> Tensor:
        """Depth (B,1,H,W) of the last stage, metres; not clamped."""
        return self.stages[-1]


class SparseConv(nn.Module):
    """3x3 convolution with a separate bias, as in the published keys (no density normalisation)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        nn.init.normal_(self.conv.weight, std=sqrt(2.0 / (9 * outputs)))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B,C,H,W) -> (B,C',H,W)."""
        y: Tensor = self.conv(x)
        return y + self.bias[:, None, None]


class SparsityAwareBlock(nn.Module):
    """SAConv: mask, convolve, activate; the mask grows by one pixel for the next block."""

    def __init__(self, inputs: int, outputs: int, activation: str = "relu") -> None:
        super().__init__()
        self.sparse_conv = SparseConv(inputs, outputs)
        self.activation = activation

    def forward(self, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Apply the block to features (B,C,H,W) and mask (B,1,H,W); returns both."""
        x, mask = inputs
        x = _activate(self.sparse_conv(x * mask), self.activation)
        return x, F.max_pool2d(mask, 3, stride=1, padding=1)


def _activate(x: Tensor, name: str) -> Tensor:
    if name == "relu":
        return F.relu(x)
    return x if name == "none" else F.leaky_relu(x, LEAKY_SLOPE)


def _head(channels: int) -> nn.Sequential:
    """Build a refinement head. The three 1x1 convolutions are one affine map, kept apart as in the published keys."""
    return nn.Sequential(
        conv_bn(channels, channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 1),
        nn.Conv2d(channels, channels, 1),
        nn.Conv2d(channels, 1, 1),
    )


class Scadc(nn.Module):
    """Fuses stereo depth and completed lidar depth into one dense depth map."""

    def __init__(self, config: ScadcConfig = ScadcConfig()) -> None:
        super().__init__()
        self.config = config
        self.sa1 = nn.Sequential(SparsityAwareBlock(1, 64), SparsityAwareBlock(64, 64))
        narrow = config.confidence_activation
        self.sa2 = nn.Sequential(SparsityAwareBlock(64, 2, narrow), SparsityAwareBlock(2, 2, narrow))
        self.conv1 = conv_bn_relu(1, 32, 3, padding=1)
        self.conv2 = conv_bn_relu(32, 32, 3, padding=1)
        self.hg_0, self.hg_1, self.hg_2 = Hourglass(), Hourglass(), Hourglass()
        self.classif1, self.classif2, self.classif3 = _head(32), _head(32), _head(32)

    def forward(
        self, stereo_depth_m: Tensor, lidar_depth_m: Tensor, sparse_depth_m: Tensor, mask: Tensor
    ) -> ScadcOutput:
        """Fuse float tensors (B,1,H,W) with H and W divisible by 4 (published size 352 x 1216).

        Args:
            stereo_depth_m: dense depth of stereo, metres.
            lidar_depth_m: dense completed depth of the lidar, metres.
            sparse_depth_m: raw returns in metres, 0 = none.
            mask: 1 where there is a return, else 0.

        Raises:
            InputError: other shapes.
        """
        check_inputs(stereo_depth_m, lidar_depth_m, sparse_depth_m, mask)
        stereo_depth_m = stereo_depth_m * self.config.stereo_scale
        weights = self.confidence(sparse_depth_m, mask)
        fused = weights[:, 0:1] * stereo_depth_m + weights[:, 1:2] * lidar_depth_m
        return ScadcOutput(self.refine(fused), weights[:, 1:2])

    def confidence(self, sparse_depth_m: Tensor, mask: Tensor) -> Tensor:
        """Compute (B,2,H,W) weights of stereo and lidar; they sum to one."""
        features, _ = self.sa2(self.sa1((sparse_depth_m, mask)))
        return torch.softmax(features, dim=1)

    def refine(self, fused: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Refine blended depth (B,1,H,W) to three stages of depth (B,1,H,W); stages accumulate."""
        stem = self.conv1(fused)
        stem = self.conv2(stem) + stem
        out, pre1, post1 = self.hg_0(stem)
        features1 = out + stem
        out, _, post2 = self.hg_1(features1, presqu=pre1, postsqu=post1)
        features2 = out + stem
        # The third stage takes the encoder skip of the first hourglass, not of the second.
        out, _, _ = self.hg_2(features2, presqu=pre1, postsqu=post2)
        features3 = out + stem
        stage1 = self.classif1(features1)
        stage2 = self.classif2(features2) + stage1
        return stage1, stage2, self.classif3(features3) + stage2


def check_inputs(stereo_depth_m: Tensor, lidar_depth_m: Tensor, sparse_depth_m: Tensor, mask: Tensor) -> None:
    """Raise InputError unless all four are (B,1,H,W) of one shape with H and W divisible by 4."""
    named = {
        "stereo_depth_m": stereo_depth_m,
        "lidar_depth_m": lidar_depth_m,
        "sparse_depth_m": sparse_depth_m,
        "mask": mask,
    }
    shapes = {name: tuple(value.shape) for name, value in named.items()}
    shape = shapes["stereo_depth_m"]
    if len(set(shapes.values())) != 1 or len(shape) != 4 or shape[1] != 1:
        raise InputError(f"SCADC needs four (B,1,H,W) tensors of one shape, got {shapes}")
    if shape[2] % 4 or shape[3] % 4:
        raise InputError(f"SCADC needs H and W divisible by 4, got {shape[2]}x{shape[3]}")


@torch.no_grad()
def confidence_limits(module: Scadc) -> tuple[str, ...]:
    """Probe the confidence branch with random sweeps; one line if its output never changes, as in a dead branch."""
    generator = torch.Generator().manual_seed(0)
    depth = torch.rand(4, 1, 64, 64, generator=generator) * 78 + 2  # 2 ... 80 m
    density = torch.tensor([0.02, 0.05, 0.3, 0.9])[:, None, None, None]
    mask = (torch.rand(depth.shape, generator=generator) < density).float()
    confidence = module.confidence(depth * mask, mask)[:, 1]
    if confidence.max() - confidence.min() > 1e-6:
        return ()
    return (
        f"confidence branch is dead: lidar confidence {confidence.mean():.4f} everywhere, whatever the returns",
    )
