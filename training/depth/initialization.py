# SPDX-License-Identifier: Apache-2.0
"""Initial networks of a run."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from geo_perception.errors import ConfigError, WeightsError
from geo_perception.networks.depth_decoder import DepthDecoder
from geo_perception.networks.distdepth import DistDepthConfig
from geo_perception.weights import load_model
from geo_perception.weights.imagenet import load_imagenet
from training.depth.config import DistDepthRecipeConfig
from training.depth.multi_frame import MultiFrameStudent
from training.depth.student import FRAMES, Student
from training.distributed import current_ranks
from training.optim import channels_last
from training.sync_batchnorm import sync_norms


def new_student(config: DistDepthRecipeConfig) -> Student | MultiFrameStudent:
    """Make fresh networks, or depth with the weights of `init`. Raises WeightsError if those are of another network."""
    student = untrained(config)
    if config.pretrained:
        load_imagenet(student.depth.encoder, None if config.pretrained == "package" else config.pretrained)
    if config.init:
        begin = load_model(config.init)
        if getattr(begin, "config", None) != config.depth:
            raise WeightsError(
                f"--init {config.init} is {getattr(begin, 'config', begin)}, not {config.depth}"
            )
        student.depth.load_state_dict(begin.state_dict())
    if current_ranks().size > 1:
        sync_norms(student)
    return channels_last(student) if config.channels_last else student


def untrained(config: DistDepthRecipeConfig) -> Student | MultiFrameStudent:
    """Make the untrained networks of a configuration."""
    if not config.multi_frame.enabled:
        student = Student(config.depth, config.pose if "-1" in FRAMES[config.objective.mode] else None)
        if config.start_m:
            start_at_depth(student.depth.decoder, config.depth, config.start_m)
        return student
    pair = MultiFrameStudent(config.depth, config.multi_frame, config.loader.size, config.pose.layers)
    if config.multi_frame.pretrained:
        load_imagenet(pair.video.depth.encoder, config.multi_frame.pretrained)
    if config.start_m:
        for network in (pair.depth, pair.video.depth):
            start_at_depth(network.decoder, config.depth, config.start_m)
    return pair


def start_at_depth(decoder: DepthDecoder, config: DistDepthConfig, depth_m: float) -> None:
    """Set all scales of a fresh network to predict about this depth."""
    nearest, farthest = 1 / config.min_depth_m, 1 / config.max_depth_m
    share = (config.numerator / depth_m - farthest) / (nearest - farthest)
    if not 0 < share < 1:
        raise ConfigError(f"--start-m {depth_m} lies outside the network's range of depth")
    for layer in decoder.decoder[-len(decoder.config.scales) :]:
        bias = layer.get_parameter("conv.bias")
        nn.init.constant_(bias, math.log(share / (1 - share)))


def laid_out(value: Tensor | None, config: DistDepthRecipeConfig) -> Tensor | None:
    """Convert images to the memory layout of the networks; other values are returned unchanged."""
    if value is None or value.ndim != 4 or not config.channels_last:
        return value
    return value.contiguous(memory_format=torch.channels_last)
