# SPDX-License-Identifier: Apache-2.0
"""Phases of a live evaluation, and the files in which the replay process reports what it sent in each."""

from __future__ import annotations

from pathlib import Path

LOCKSTEP, REAL_TIME = "lockstep", "real_time"
PHASE_TITLES = {LOCKSTEP: "one frame after the other", REAL_TIME: "in real time"}


def report_path(folder: Path, phase: str) -> Path:
    """Return the path of a phase's report; the file appears, complete, when the phase is over."""
    return folder / f"sent_{phase}.json"
