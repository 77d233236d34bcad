# SPDX-License-Identifier: Apache-2.0
"""Nested results of an evaluation, the content of metrics.json."""

from __future__ import annotations

import math
from typing import Any

Tree = dict[str, Any]


def finite(tree: Any) -> Any:
    """Copy a tree with None for NaN and infinity, which JSON cannot hold."""
    if isinstance(tree, dict):
        return {key: finite(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [finite(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree
