# SPDX-License-Identifier: Apache-2.0
"""Images of any size through networks that want a multiple of something."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F


def pad_to_multiple(values: Tensor, multiple: int) -> Tensor:
    """(B, C, H, W) with the last row and column repeated until both sizes divide by `multiple`."""
    below, right = -values.shape[2] % multiple, -values.shape[3] % multiple
    return F.pad(values, (0, right, 0, below), mode="replicate") if below or right else values


def crop(values: Tensor, height: int, width: int) -> NDArray[np.float32]:
    """The first plane of (1, 1, H', W') cut to (height, width), as a float32 array in main memory."""
    out: NDArray[np.float32] = values[0, 0, :height, :width].float().cpu().numpy()
    return out
