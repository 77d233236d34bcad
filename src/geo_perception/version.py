# SPDX-License-Identifier: Apache-2.0
"""Version of this package, which package.xml states for ROS tools, pip and Python alike."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from xml.etree import ElementTree

CHECKOUT = Path(__file__).resolve().parents[2]
UNKNOWN = "0+unknown"  # neither a checkout nor an installation


def package_version(checkout: Path = CHECKOUT) -> str:
    """Read the version in the checkout's package.xml; without a checkout, that of the installed package."""
    manifest = checkout / "package.xml"
    if manifest.is_file():
        return ElementTree.parse(manifest).findtext("version", UNKNOWN)
    try:
        return version("geo_perception")
    except PackageNotFoundError:
        return UNKNOWN
