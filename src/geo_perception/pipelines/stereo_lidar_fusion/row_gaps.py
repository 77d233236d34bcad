# SPDX-License-Identifier: Apache-2.0
"""Gaps in the rows of an image, found all at once: the rows in one line, with a column between them that ends each."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)
Index = NDArray[np.intp]


def in_one_line(values: NDArray[Value], between: Any) -> NDArray[Value]:
    """(H, W) -> (H * (W + 1) + 1,): `between` stands before the first row and after each."""
    height, width = values.shape
    line = np.full(height * (width + 1) + 1, between, values.dtype)
    in_rows(line, (height, width))[...] = values
    return line


def in_rows(line: NDArray[Value], shape: tuple[int, ...]) -> NDArray[Value]:
    """The (H, W) view of what `in_one_line` made."""
    height, width = shape
    return line[1:].reshape(height, width + 1)[:, :width]


def gaps(known: NDArray[np.bool_]) -> tuple[Index, Index]:
    """The last known place before each gap, and each gap's last place; both ends of the line must be known."""
    changes = np.flatnonzero(known[1:] != known[:-1])
    return changes[::2], changes[1::2]
