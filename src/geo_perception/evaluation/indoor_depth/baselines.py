# SPDX-License-Identifier: Apache-2.0
"""Baselines: depth that does not depend on the image. A network that is no better has learnt nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geo_perception._types import Array
from geo_perception.errors import WeightsError
from geo_perception.evaluation.indoor_depth.protocol import resize_bilinear
from geo_perception.evaluation.metrics import known

CONSTANT, ROW_RAMP, MEAN_MAP = "constant", "row_ramp", "mean_map"
# Beside a model's card: (h, w) metres of any float type and size, the mean depth of its training set. Where the card
# names a canonical focal length it is for that, like the network's own depth.
MEAN_MAP_FILE = "mean_depth.npy"


def constant(size: tuple[int, int], typical_m: float) -> Array:
    """Predict the same depth everywhere, (H, W). Median scaling turns any constant into each image's true median."""
    return np.full(size, typical_m, np.float32)


def row_ramp(size: tuple[int, int], typical_m: float) -> Array:
    """Predict the depth of a floor, (H, W): 1 / (a + b * row), with the typical depth in the middle row.

    b is such that the lowest row is half as far as the highest. This one ramp is not fitted to any set; on real indoor
    images it is within 0.01 AbsRel of the best one per set.
    """
    row = np.linspace(0, 1, size[0], dtype=np.float32)
    return np.repeat((np.float32(1.5 * typical_m) / (1 + row))[:, None], size[1], axis=1)


def mean_map(stored_m: Array, size: tuple[int, int]) -> Array:
    """Stretch the mean depth (h, w) of another set over an image (H, W)."""
    return resize_bilinear(stored_m, size, align_corners=False)


def read_mean_map(model_folder: Path) -> Array | None:
    """Read the mean depth stored beside a model's card, None if there is none.

    Raises:
        WeightsError: the file holds no positive (h, w) depth.
    """
    path = model_folder / MEAN_MAP_FILE
    if not path.is_file():
        return None
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error
    if not isinstance(values, np.ndarray) or values.ndim != 2 or not known(values).all():
        raise WeightsError(
            f"{path} must hold positive metres (h, w), has {getattr(values, 'shape', 'an archive')}"
        )
    return values.astype(np.float32)
