# SPDX-License-Identifier: Apache-2.0
"""The parts of a demo, and where the replay process writes what it sent in each."""

from __future__ import annotations

from pathlib import Path

LOCKSTEP, REAL_TIME = "lockstep", "real_time"
PHASE_TITLES = {LOCKSTEP: "one frame after the other", REAL_TIME: "in real time"}


def report_path(folder: Path, phase: str) -> Path:
    """The part's account; it appears complete, when the part is over."""
    return folder / f"sent_{phase}.json"
