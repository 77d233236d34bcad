# SPDX-License-Identifier: Apache-2.0
"""Depth of a video from its frames alone: the multi-frame network and the pose network it was trained with.

One module, so that one model folder holds all that ManyDepth (arXiv 2104.14540) or DistDepth-M needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from geo_perception.errors import InputError
from geo_perception.networks import manydepth, posenet
from geo_perception.networks.encoders.matching import Neighbours
from geo_perception.networks.manydepth import (
    MultiFrame,
    MultiFrameConfig,
    MultiFrameOutput,
    relative_poses,
)
from geo_perception.networks.posenet import PoseNet, PoseNetConfig


@dataclass(frozen=True)
class VideoDepthConfig(MultiFrameConfig):
    """Options of both networks; `layers` is the depth network's. Trained folders hold the bins of training."""

    pose_layers: int = 18

    def __post_init__(self) -> None:
        super().__post_init__()
        PoseNetConfig(self.pose_layers)


class VideoDepth(nn.Module):
    """`depth.` is a `MultiFrame`, `pose.` a `PoseNet` of pairs."""

    def __init__(self, config: VideoDepthConfig = VideoDepthConfig()) -> None:
        super().__init__()
        self.config = config
        self.depth = MultiFrame(config)
        self.pose = PoseNet(PoseNetConfig(config.pose_layers, images=2))

    def forward(self, image: Tensor, earlier: Tensor, K: Tensor) -> MultiFrameOutput:
        """Predict depth of the newest frame, for the canonical camera where the network was trained for one.

        Args:
            image: (B,3,H,W) RGB in 0..1 of the config's size.
            earlier: (B,N,3,H,W) the frames before it, newest first. A frame that is all black counts as missing; if all
                are missing, depth comes from the image alone.
            K: (B,4,4) intrinsics in pixels of the image.

        Raises:
            InputError: other shapes.
        """
        if earlier.ndim != 5 or not earlier.shape[1]:
            raise InputError(f"earlier frames must be (B,N,3,H,W) with N >= 1, got {tuple(earlier.shape)}")
        frames = {0: image, **{-1 - i: frame for i, frame in enumerate(earlier.unbind(1))}}
        poses = relative_poses(self.pose, frames)
        near = [poses[-1 - i] for i in range(earlier.shape[1])]
        output: MultiFrameOutput = self.depth(image, Neighbours.of(earlier, torch.stack(near, 1), K))
        return output


def infer_config(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Infer the options of both networks of a state dictionary. Raises WeightsError if it is another network's."""
    depth, pose = (
        {name.removeprefix(part): value for name, value in state.items() if name.startswith(part)}
        for part in ("depth.", "pose.")
    )
    return {**manydepth.infer_config(depth), "pose_layers": posenet.infer_config(pose)["layers"]}
