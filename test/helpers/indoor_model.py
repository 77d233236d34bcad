# SPDX-License-Identifier: Apache-2.0
"""A model folder of an untrained indoor network, and a camera and image for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from geo_perception.geometry import PinholeCamera

WIDTH, HEIGHT, FOCAL_PX = 128, 96, 80.0
CAMERA = PinholeCamera(FOCAL_PX, FOCAL_PX, 63.5, 47.5, WIDTH, HEIGHT)
INPUT = {"size": [64, 64], "canonical_focal": 0.5}


def untrained_model(folder: Path, seed: int = 0, **entries: Any) -> str:
    """Write one; `entries` replace those of the card's input, None leaves one out."""
    import torch

    from geo_perception.networks import build
    from geo_perception.weights import ModelCard, save_model

    torch.manual_seed(seed)
    config = {"encoder": "efficientnet_lite0"}
    told = {name: value for name, value in {**INPUT, **entries}.items() if value is not None}
    save_model(
        build("distdepth", **config), folder, ModelCard(network="distdepth", config=config, input=told)
    )
    return str(folder)


def untrained_multi_frame_model(folder: Path, size: int = 64, **entries: Any) -> str:
    """The same with a network that compares images in time, and the pose network it needs."""
    import torch

    from geo_perception.networks import build
    from geo_perception.weights import ModelCard, save_model

    torch.manual_seed(0)
    config = {"height": size, "width": size, "bins": 8, "min_bin_m": 1.0}  # so far that all bins stay in view
    network = build("video_depth", **config)
    network.pose.decoder.net[-1].bias.data += 5  # so that the camera moves: 0.05 along and about each axis
    network.depth.encoder.reduce_conv[0].weight.data[:, -config["bins"] :] *= 100  # so that costs matter
    network.depth.decoder.decoder[10].conv.weight.data *= 30
    save_model(network, folder, ModelCard(network="video_depth", config=config, input=entries))
    return str(folder)


def picture(height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> np.ndarray:
    """(H, W, 3) RGB of coloured blocks."""
    blocks = np.random.default_rng(seed).integers(0, 240, (6, 8, 3), dtype=np.uint8)
    rows, columns = np.arange(height) * 6 // height, np.arange(width) * 8 // width
    return blocks[rows][:, columns]
