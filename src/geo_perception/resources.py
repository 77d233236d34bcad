# SPDX-License-Identifier: Apache-2.0
"""Locations of files that a ROS package installs beside its code: `config/`, `launch/`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from geo_perception.errors import ConfigError


def resource_roots() -> list[Path]:
    """List folders that may hold `config` and `launch`: the source checkout first, then installations."""
    prefixes = [prefix for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    installed = [Path(prefix) / "share" / "geo_perception" for prefix in (*prefixes, sys.prefix)]
    checkout = Path(__file__).resolve().parents[2]
    return [*([checkout] if (checkout / "package.xml").is_file() else []), *installed]


def resource(name: str) -> Path:
    """Find the installed file or folder of this name, e.g. `config/fastdds.xml`.

    Raises:
        ConfigError: it is in none of the folders; the message lists them.
    """
    roots = resource_roots()
    for root in roots:
        if (root / name).exists():
            return root / name
    raise ConfigError(f"{name} is not installed; looked in {', '.join(str(root) for root in roots)}")
