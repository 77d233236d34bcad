# SPDX-License-Identifier: Apache-2.0
"""Intrinsic matrices in the forms in which messages and files carry them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geo_perception._types import Matrix
from geo_perception.errors import InputError

if TYPE_CHECKING:
    pass

COLUMNS = {9: "K", 12: "P", 16: "4x4"}


LAST_ROW_TOLERANCE = 1e-4


MAX_SKEW = 0.01  # of fx: pixels of real sensors are rectangles, and a `PinholeCamera` has no place for more


def checked_matrix(values: Sequence[float] | Matrix) -> Matrix:
    """Extract the (3, 3) intrinsic matrix of a row-major 3x3 K, 3x4 P or 4x4.

    Raises:
        InputError: wrong count, not finite, a last row other than 0 0 1, a transposed matrix or one with skew.
    """
    flat = np.asarray(values, np.float64).reshape(-1)
    if flat.size not in COLUMNS:
        raise InputError(f"camera matrix needs 9 (K) or 12 (P) values, got {flat.size}")
    if not np.isfinite(flat).all():
        raise InputError(f"camera matrix must be finite, got {_said(flat)}")
    K = flat.reshape(3 if flat.size < 16 else 4, -1)[:3, :3]
    if np.abs(K[2] - (0, 0, 1)).max() > LAST_ROW_TOLERANCE:
        turned = np.abs(K[:, 2] - (0, 0, 1)).max() <= LAST_ROW_TOLERANCE
        hint = ": it is transposed" if turned else ""
        raise InputError(f"camera matrix needs the last row 0 0 1, got {_said(K[2])} of {_said(flat)}{hint}")
    if K[1, 0] != 0 or abs(K[0, 1]) > MAX_SKEW * abs(K[0, 0]):
        raise InputError(f"camera matrix must be fx 0 cx, 0 fy cy, 0 0 1, got {_said(flat)}")
    return K


def _said(values: Matrix) -> str:
    return " ".join(f"{value:g}" for value in np.asarray(values).reshape(-1))
