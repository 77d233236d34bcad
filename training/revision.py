# SPDX-License-Identifier: Apache-2.0
"""Revision of the code that made a model."""

from __future__ import annotations

import subprocess
from pathlib import Path


def revision() -> str:
    """Return the short commit hash of this checkout, with "+" if files differ from it; "unknown" outside a checkout."""
    here = Path(__file__).resolve().parent

    def git(*args: str) -> str:
        return subprocess.run(
            ("git", *args), cwd=here, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
