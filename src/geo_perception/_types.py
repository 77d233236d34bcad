# SPDX-License-Identifier: Apache-2.0
"""Array types of annotations; shapes stand in the docstrings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]  # depth in metres, confidence, features; NaN is unknown
Image = NDArray[np.uint8]  # RGB (H, W, 3) or grey (H, W)
Mask = NDArray[np.bool_]
Matrix = NDArray[np.float64]  # calibration and poses
