# SPDX-License-Identifier: Apache-2.0
"""The shape that image encoders ask for."""

from __future__ import annotations

from torch import Tensor

from geo_perception.errors import InputError

MULTIPLE = 32  # H and W are halved five times


def check_image(image: Tensor, channels: int = 3, multiple: int = MULTIPLE) -> None:
    """Raise InputError unless the image is (B,channels,H,W) with H and W multiples of `multiple`."""
    if image.ndim != 4 or image.shape[1] != channels:
        raise InputError(f"the encoder needs an image (B,{channels},H,W), got {tuple(image.shape)}")
    height, width = image.shape[2:]
    if height % multiple or width % multiple or not height * width:
        raise InputError(f"the encoder needs H and W to be multiples of {multiple}, got {height}x{width}")
