# SPDX-License-Identifier: Apache-2.0
"""What a learned backend is told: which weights, where, and how exactly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelChoice:
    """Which weights a learned backend loads, and how it runs them."""

    model: str  # name in models/ or a folder; empty: the backend's default
    device: str
    precision: str  # auto, float32 or bfloat16
