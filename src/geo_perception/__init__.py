# SPDX-License-Identifier: Apache-2.0
"""Metric 3D geometry for robots. Importing this package is cheap: no torch, open3d or rclpy."""

from geo_perception import former_modules
from geo_perception.spinning import limit_spinning

former_modules.install()
limit_spinning()  # here, because OpenMP reads it once, when the first library that uses it is loaded


def __getattr__(name: str) -> str:
    """Look up `__version__` when it is used: reading it takes longer than the rest of this import."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from geo_perception.version import package_version

    return package_version()
