# SPDX-License-Identifier: Apache-2.0
"""Metric 3D geometry for robots. Importing this package is cheap: no torch, open3d or rclpy."""

from geo_perception.spinning import limit_spinning
from geo_perception.version import package_version

__version__ = package_version()

limit_spinning()  # here, because OpenMP reads it once, when the first library that uses it is loaded
