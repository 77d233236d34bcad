# SPDX-License-Identifier: Apache-2.0
"""Last lines of verbs that write a report."""

from __future__ import annotations

from pathlib import Path


def report_line(path: Path) -> str:
    """Which file to open; whole, because the reader may stand in another folder than the program did."""
    return f"report       {path.resolve()} (open it in a browser)"
