# SPDX-License-Identifier: Apache-2.0
"""Forward and backward pass of the light encoder, with our depthwise convolutions against PyTorch's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.table import Row
from geo_perception.networks.encoders import efficientnet_lite
from geo_perception.networks.encoders.efficientnet_lite import EfficientnetLite
from geo_perception.networks.layers.depthwise import depthwise_conv2d
from training.optim import channels_last

BATCH, HEIGHT, WIDTH = 8, 160, 224  # of the preset `rooms`
ROUNDS = 5
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
AGAINST = "PyTorch's"


def run() -> list[Row]:
    """Two rows for every type; both forms take turns."""
    torch.manual_seed(0)
    encoder = channels_last(EfficientnetLite().train())
    image = torch.rand(BATCH, 3, HEIGHT, WIDTH).contiguous(memory_format=torch.channels_last)
    rows = []
    for name, dtype in TYPES.items():
        title = f"EfficientNet-Lite0 forward and backward {BATCH}x{HEIGHT}x{WIDTH} {name}"
        plain, own = times(encoder, image, dtype)
        rows += [Row(f"{title}, {AGAINST}", plain), Row(f"{title}, own", own, plain / own, AGAINST)]
    return rows


def times(encoder: EfficientnetLite, image: Tensor, dtype: torch.dtype) -> tuple[float, float]:
    """Median milliseconds with PyTorch's depthwise convolutions and with ours."""
    found: tuple[list[float], list[float]] = [], []
    for turn in range(ROUNDS + 1):
        for values, form in zip(found, (plain_form, depthwise_conv2d), strict=True):
            with mock.patch.object(efficientnet_lite, "depthwise_conv2d", form):
                elapsed = timed(lambda: step(encoder, image, dtype))
            if turn > 0:  # the first turn warms up
                values.append(elapsed)
    return statistics.median(found[0]), statistics.median(found[1])


def plain_form(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """PyTorch's."""
    return F.conv2d(x, weight, None, stride, padding, groups=len(weight))


def step(encoder: EfficientnetLite, image: Tensor, dtype: torch.dtype) -> None:
    """One forward and backward pass."""
    encoder.zero_grad()
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        levels = encoder(image)
    torch.stack([level.float().square().mean() for level in levels]).sum().backward()


def timed(action: Callable[[], None]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    action()
    return 1e3 * (time.perf_counter() - start)
